//go:build unix

package receive

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/webhook"
)

// To open a pipe would block until another program opens it.
func TestAReadyFileThatIsNotRegularIsRefused(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := syscall.Mkfifo(in("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"to-pipe": in("pipe"), "to-device": os.DevNull, "to-folder": dir, "to-itself": in("to-itself")} {
		if err := os.Symlink(target, in(name)); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		in("pipe"):            in("pipe") + ": is a pipe",
		in("to-pipe"):         in("to-pipe") + ": is a link",
		os.DevNull:            os.DevNull + ": is a device",
		in("to-device"):       in("to-device") + ": is a link",
		dir:                   dir + ": is a folder",
		in("to-folder"):       in("to-folder") + ": is a link",
		in("to-itself"):       in("to-itself") + ": is a link",
		in("pipe") + "/ready": in("pipe") + "/ready: not a directory",
		"-":                   "expected a path, not - (stdout)",
	} {
		_, err := newReadyFile(path)
		if refused, ok := errors.AsType[*ReadyFileError](err); !ok || refused.Error() != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := newReadyFile(in("no/folder")); err == nil {
		t.Error("no error for a missing folder")
	}
}

// A file that another program puts at the path while the listener runs is not read either,
// and what a link leads to is not written.
func TestTheReadyFileIsReplacedAndNotWrittenThrough(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "ready.json"), filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte(`{"url":"http://127.0.0.1:1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := newReadyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, path); err != nil {
		t.Fatal(err)
	}
	if err := r.write("https://hook.example", webhook.Ticket{}); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(other)
	if diff := cmp.Diff(`{"url":"http://127.0.0.1:1"}`, string(content)); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.remove(); err != nil {
		t.Error(err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode().Type() != fs.ModeNamedPipe {
		t.Errorf("%v, %v", info, err)
	}
}
