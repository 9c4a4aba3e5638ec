package receive

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func registerIn(t *testing.T, dir, name string) (*Registration, error) {
	r, _, err := Folder(dir).Register(t.Context(), Candidate{Name: name})
	one, _ := r.(*Registration)
	return one, err
}

func register1(t *testing.T, dir, name string) *Registration {
	t.Helper()
	r, err := registerIn(t, dir, name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func running(t *testing.T, dir string) (names []string) {
	t.Helper()
	list, err := Folder(dir).Running(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range list {
		names = append(names, l.Name+" "+l.URL)
	}
	return names
}

func TestAListenerIsListedFromPublishToClose(t *testing.T) {
	dir := t.TempDir()
	if got := running(t, dir); got != nil {
		t.Errorf("in an empty folder: %v", got)
	}
	b, a := register1(t, dir, "b"), register1(t, dir, "a")
	if got := running(t, dir); got != nil {
		t.Errorf("before they take callbacks: %v", got)
	}
	for _, r := range []*Registration{a, b} {
		if err := r.Publish(t.Context(), "https://"+r.Name()+".example.com"); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"a https://a.example.com", "b https://b.example.com"}, running(t, dir)); diff != "" {
		t.Error(diff)
	}
	info, err := os.Stat(filepath.Join(folder(dir), "a"+dataSuffix))
	if err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b https://b.example.com"}, running(t, dir)); diff != "" {
		t.Error(diff)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAKilledListenerIsNotListed(t *testing.T) {
	dir := t.TempDir()
	r := register1(t, dir, "a")
	if err := r.Publish(t.Context(), "https://a.example.com"); err != nil {
		t.Fatal(err)
	}
	if err := r.lock.Close(); err != nil { // as the end of its process does
		t.Fatal(err)
	}
	if got := running(t, dir); got != nil {
		t.Errorf("got %v", got)
	}
	again := register1(t, dir, "a")
	defer again.Close()
	if got := running(t, dir); got != nil {
		t.Errorf("the next listener of the name has the address of the last: %v", got)
	}
}

func TestListenersHaveDifferentValidNames(t *testing.T) {
	dir := t.TempDir()
	for _, want := range []string{"listen-1", "listen-2"} {
		r := register1(t, dir, "")
		defer r.Close()
		if r.Name() != want {
			t.Errorf("got %q, want %q", r.Name(), want)
		}
	}
	taken := register1(t, dir, "a")
	defer taken.Close()
	if _, err := registerIn(t, dir, "a"); !isTaken(err) {
		t.Errorf("duplicate name: %v", err)
	}
	for _, name := range []string{"../a", "a b", ".a", "a/b", "é"} {
		if _, err := registerIn(t, dir, name); err == nil || isTaken(err) {
			t.Errorf("%q was accepted as a name: %v", name, err)
		}
	}
}

func TestAReservedNameCannotBeRegistered(t *testing.T) {
	dir := t.TempDir()
	runs := register1(t, dir, "runs")
	defer runs.Close()
	if _, ok, err := Reserve(t.Context(), Folder(dir), "runs"); ok || err != nil {
		t.Errorf("one that runs: %v, %v", ok, err)
	}
	release, ok, err := Reserve(t.Context(), Folder(dir), "ended")
	if !ok || err != nil {
		t.Fatalf("one that does not run: %v, %v", ok, err)
	}
	if _, err := registerIn(t, dir, "ended"); err == nil {
		t.Error("it was started meanwhile")
	}
	if err := release(); err != nil {
		t.Error(err)
	}
	register1(t, dir, "ended").Close()
}
