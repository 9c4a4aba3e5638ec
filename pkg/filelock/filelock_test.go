package filelock

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAFileIsLockedOnceUntilItIsClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	open := func() *os.File {
		t.Helper()
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	want := func(f *os.File, want bool) {
		t.Helper()
		if ok, err := TryLock(f); ok != want || err != nil {
			t.Errorf("got %v, %v, want %v", ok, err, want)
		}
	}
	first, second := open(), open()
	want(first, true)
	want(second, false)
	if _, err := second.WriteString("x"); err != nil {
		t.Errorf("writing: %v", err)
	}
	if content, err := os.ReadFile(path); string(content) != "x" || err != nil {
		t.Errorf("reading: %q, %v", content, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	want(second, true)
}
