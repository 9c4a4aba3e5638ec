package atomicfile

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
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
		if !e.IsDir() {
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			text = string(b)
		}
		files = append(files, e.Name()+"="+text)
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
	wantFolder(t, dir, ".a.narada=new a=old")
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

func TestDiscardKeepsTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := Write(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".a.narada"), []byte("left by one that was killed"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Create(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	wantFolder(t, dir, ".a.narada= a=old")
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
