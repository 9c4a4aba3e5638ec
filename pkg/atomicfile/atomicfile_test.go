package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/textfile"
)

// folder returns the contents of the files by name.
func folder(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, e := range entries {
		text := "folder"
		if e.Type()&os.ModeSymlink != 0 {
			text = ""
		} else if !e.IsDir() {
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			text = string(b)
		}
		name := e.Name()
		if strings.HasPrefix(name, ".narada-") {
			name = ".narada-*"
		}
		files = append(files, name+"="+text)
	}
	return strings.Join(files, " ")
}

func wantFolder(t *testing.T, dir, want string) {
	t.Helper()
	if got := folder(t, dir); got != want {
		t.Errorf("the folder has %q, want %q", got, want)
	}
}

func TestWriteReplacesTheFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for _, content := range []string{"first", "second"} {
		if err := Write(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		wantFolder(t, dir, "a="+content)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestWriteThatFailsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("x")); err == nil {
		t.Error("a folder was replaced")
	}
	wantFolder(t, dir, "a=folder")
	if err := Write(filepath.Join(dir, "no", "folder"), nil); err == nil {
		t.Error("no error for a missing folder")
	}
}

func TestFileExistsOnlyAfterItIsPublished(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := Write(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	f, err := Create(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("new"); err != nil {
		t.Fatal(err)
	}
	wantFolder(t, dir, ".narada-*=new a=old")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	wantFolder(t, dir, "a=new")
}

func TestPublishedFileCanGrow(t *testing.T) {
	dir := t.TempDir()
	f, err := Create(filepath.Join(dir, "a"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"1", "2"} {
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := f.Publish(); err != nil {
			t.Skip(err) // an open file cannot be renamed here
		}
	}
	wantFolder(t, dir, "a=12")
	if err := f.Discard(); err != nil {
		t.Fatal(err)
	}
	wantFolder(t, dir, "a=12")
}

func TestANewFileIsAtItsPathUntilItIsDiscarded(t *testing.T) {
	dir := t.TempDir()
	f, err := Create(filepath.Join(dir, "a"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	wantFolder(t, dir, "a=")
	if err := f.Discard(); err != nil {
		t.Fatal(err)
	}
	wantFolder(t, dir, "")
}

// It keeps the mode of the old one, and follows no link at its path.
func TestAFileIsWrittenByOneAtATime(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for _, old := range []bool{false, true} {
		f, err := Create(path, 0o640)
		if err != nil {
			t.Fatal(err)
		}
		for _, published := range []bool{false, true} {
			if _, err := Create(path, 0o600); !errors.Is(err, ErrBusy) {
				t.Errorf("old %v, published %v: got %v", old, published, err)
			}
			if err := f.Publish(); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 && runtime.GOOS != "windows" {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("missing", link); err != nil {
		t.Skip(err) // Windows, without the right to
	}
	if _, err := os.Readlink(link); err != nil {
		t.Skip("Wine makes links that it does not follow: ", err)
	}
	if f, err := Create(link, 0o600); err == nil {
		t.Errorf("a link was followed: %v", f.Close())
	}
	wantFolder(t, filepath.Dir(path), "a= link=")
}

// A network file system would lock it for no reader.
func TestTheOldFileIsLockedAsAWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	for _, mode := range []os.FileMode{0o600, 0o400} {
		if err := errors.Join(Write(path, nil), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		f, err := Create(path, 0o600)
		if err != nil {
			t.Fatalf("mode %v: %v", mode, err)
		}
		if _, err := f.old.WriteString("x"); err != nil && mode == 0o600 {
			t.Error(err)
		}
		if err := f.Discard(); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatAKilledProcessHasLeftIsRemoved(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := Write(filepath.Join(dir, name), nil); err != nil {
			t.Fatal(err)
		}
	}
	var open []*File
	for range 2 {
		for _, name := range []string{"a", "b"} {
			f, err := Create(filepath.Join(dir, name), 0o600)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Discard()
			open = append(open, f)
		}
		wantFolder(t, dir, ".narada-*= .narada-*= a= b=")
		for _, f := range open {
			_ = f.close() // as the end of a process does
		}
	}
}

func TestATemporaryFileWithoutANameCanBeRead(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	f, err := Unnamed()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	wantFolder(t, dir, "")
	if _, err := f.WriteString("x"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 2)
	if n, _ := f.ReadAt(b, 0); n != 1 || b[0] != 'x' {
		t.Errorf("got %q", b[:n])
	}
}

func TestDiscardKeepsTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := Write(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	f, err := Create(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	wantFolder(t, dir, ".narada-*= a=old")
	if err := f.Discard(); err != nil {
		t.Fatal(err)
	}
	wantFolder(t, dir, "a=old")
	if _, err := Create(filepath.Join(dir, "no", "folder"), 0o600); err == nil {
		t.Error("no error for a missing folder")
	}
}

func TestCheckFolderLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := CheckFolder(dir); err != nil {
		t.Error(err)
	}
	wantFolder(t, dir, "")
	if err := CheckFolder(filepath.Join(dir, "none")); err == nil {
		t.Error("no error for a missing folder")
	}
}

// Windows may keep it from that, for as long as it is open.
func TestAFileIsReplacedWhileItIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	for _, content := range []string{"first", "second", "third"} {
		if err := Write(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		wantFolder(t, filepath.Dir(path), "a="+content)
		open := os.Open
		if content == "second" {
			open = textfile.OpenRegular
		}
		f, err := open(path)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(50*time.Millisecond, func() { _ = f.Close() })
	}
}

// Windows removes no file that is open.
func TestAFileThatIsReadIsRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() {
		time.Sleep(50 * time.Millisecond)
		closed <- f.Close()
	}()
	if err := errors.Join(Remove(path), <-closed); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
