//go:build unix

package textfile

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// oddFiles makes what is no regular file, and a link to each, and returns their paths and
// what they are.
func oddFiles(t *testing.T) (dir string, kinds map[string]string) {
	t.Helper()
	dir = t.TempDir()
	kinds = map[string]string{"fifo": "pipe", "folder": "folder", "socket": "socket", "zero": "device", "tty": "device"}
	l, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if err := errors.Join(syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600), os.Mkdir(filepath.Join(dir, "folder"), 0o700),
		os.Symlink("/dev/zero", filepath.Join(dir, "zero")), os.Symlink("/dev/tty", filepath.Join(dir, "tty"))); err != nil {
		t.Fatal(err)
	}
	for name, kind := range kinds {
		kinds["to-"+name] = kind
		if err := os.Symlink(name, filepath.Join(dir, "to-"+name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir, kinds
}

func TestOnlyARegularFileIsReadWhereOneIsNeeded(t *testing.T) {
	dir, kinds := oddFiles(t)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for name, kind := range kinds {
		if _, err := ReadRegular(filepath.Join(dir, name), 10); text(err) != "is a "+kind {
			t.Errorf("%s: got %v", name, err)
		}
		if _, err := OpenRegularIn(root, name); kind != "device" && text(err) != "is a "+kind { // devices are outside
			t.Errorf("%s in a root: got %v", name, err)
		}
	}
	if _, err := ReadRegular(os.DevNull, 10); text(err) != "is a device" {
		t.Errorf("the null device: got %v", err)
	}
	// What has been replaced since it was looked at is not waited for either.
	if _, err := regular(os.OpenFile(filepath.Join(dir, "fifo"), os.O_RDONLY|nonBlocking, 0)); text(err) != "is a pipe" {
		t.Errorf("a replaced file: got %v", err)
	}
}

func TestALinkIsAnErrorWhereTheFileItselfIsNeeded(t *testing.T) {
	dir, kinds := oddFiles(t)
	for _, link := range []string{"to-itself", "to-file", "dangling"} {
		kinds[link] = "link"
		if err := os.Symlink(strings.TrimPrefix(link, "to-"), filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, kind := range kinds {
		if info, err := os.Lstat(filepath.Join(dir, name)); err == nil && info.Mode()&os.ModeSymlink != 0 {
			kind = "link"
		}
		if _, err := OpenUnlinked(filepath.Join(dir, name)); text(err) != "is a "+kind {
			t.Errorf("%s: got %v", name, err)
		}
	}
	f, err := OpenUnlinked(filepath.Join(dir, "file"))
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
}

func TestAnInputIsAFileOrAPipe(t *testing.T) {
	dir, kinds := oddFiles(t)
	for name, kind := range kinds {
		if kind == "pipe" {
			continue
		}
		if _, err := ReadFile(t.Context(), filepath.Join(dir, name), 10); text(err) != "is a "+kind {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if got, err := ReadFile(t.Context(), os.DevNull, 10); got != "" || err != nil {
		t.Errorf("the null device: got %q, %v", got, err)
	}
	for content, want := range map[string]string{"short": "", "this is too long": "larger than 10 B"} {
		written := make(chan error, 1)
		go func() {
			f, err := os.OpenFile(filepath.Join(dir, "fifo"), os.O_WRONLY, 0)
			if err == nil {
				_, err = io.WriteString(f, content)
				err = errors.Join(err, f.Close())
			}
			written <- err
		}()
		got, err := ReadFile(t.Context(), filepath.Join(dir, "to-fifo"), 10)
		if want == "" && got != content || text(err) != want {
			t.Errorf("a pipe with %q: got %q, %v", content, got, err)
		}
		if err := <-written; err != nil {
			t.Errorf("writing %q: %v", content, err)
		}
	}
}

func TestTheReadOfAPipeEndsWithItsContext(t *testing.T) {
	ended := errors.New("ended")
	t.Run("without a writer", func(t *testing.T) {
		dir, _ := oddFiles(t)
		path := filepath.Join(dir, "fifo")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(ended)
		if _, err := ReadFile(ctx, path, 10); err != ended {
			t.Errorf("got %v", err)
		}
		release, err := os.OpenFile(path, os.O_RDWR, 0) // the read that was abandoned
		if err == nil {
			err = release.Close()
		}
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("with a stalled writer", func(t *testing.T) {
		dir, _ := oddFiles(t)
		path := filepath.Join(dir, "fifo")
		writer, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer writer.Close()
		ctx, cancel := context.WithCancelCause(t.Context())
		f, err := Open(ctx, path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := writer.WriteString("x"); err != nil {
			t.Fatal(err)
		}
		if n, err := f.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("before: got %d, %v", n, err)
		}
		cancel(ended)
		if _, err := f.Read(make([]byte, 1)); err != ended {
			t.Errorf("got %v", err)
		}
		if err := f.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
}
