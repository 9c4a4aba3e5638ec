package transfer

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/narada"
)

func TestNamesAreSafe(t *testing.T) {
	for name, want := range map[string]string{
		"report.pdf": "report.pdf", "../../x": "x", `..\..\x`: "x", "/etc/passwd": "passwd", "C:\\a\\b.txt": "b.txt",
		"": "download", "..": "download", "a/..": "download", "a/": "download", " . ": "download",
		"a\x00b\nc": "a_b_c", "a\u202eb": "a_b", "a?b*.txt": "a_b_.txt", "caf\xe9": "caf_", "trailing. ": "trailing",
		"nul": "_nul", "CON.txt": "_CON.txt", "com1.log": "_com1.log", "console": "console", ".hidden": "_hidden",
		strings.Repeat("é", 150) + ".txt": strings.Repeat("é", 98) + ".txt",
		strings.Repeat("x", 300):          strings.Repeat("x", 200),
	} {
		if got := Name(name); got != want {
			t.Errorf("Name(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestNamesAreUnique(t *testing.T) {
	var files []narada.Download
	for _, name := range []string{"a.txt", "b/a.txt", "A.TXT", "a (2).txt", "..", "."} {
		files = append(files, narada.Download{Name: name})
	}
	got := Names(files)
	want := []string{"a.txt", "a (2).txt", "A (3).TXT", "a (2) (2).txt", "download", "download (2)"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzName(f *testing.F) {
	for _, seed := range []string{"a", "../x", `a\b`, "con", "..", "\x00", "a\u202e"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := Name(name)
		if !filepath.IsLocal(got) || got != filepath.Base(got) || strings.ContainsAny(got, `/\`) || len(got) > 201 || Name(got) != got {
			t.Errorf("Name(%q) = %q", name, got)
		}
	})
}

func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]string{}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		list[e.Name()] = string(b)
	}
	return list
}

func TestFileIsSavedCompletelyOrNotAtAll(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := f.Save("a.txt", strings.NewReader("one"), false); n != 3 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	unread := iotest.ErrReader(errors.New("read, though it need not be"))
	if _, err := f.Save("a.txt", unread, false); !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v", err)
	}
	if n, err := f.Save("a.txt", strings.NewReader("three"), true); n != 5 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	for _, force := range []bool{false, true} {
		_, err := f.Save("b.txt", io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrUnexpectedEOF)), force)
		if broken, ok := errors.AsType[*ReadError](err); !ok || !errors.Is(broken, io.ErrUnexpectedEOF) {
			t.Errorf("%v", err)
		}
	}
	if diff := cmp.Diff(map[string]string{"a.txt": "three"}, files(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// A file that is created during the download is not overwritten.
func TestAFileThatAppearsMeanwhileIsKept(t *testing.T) {
	dir := t.TempDir()
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	appears := readerFunc(func([]byte) (int, error) {
		if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("theirs"), 0o600); err != nil {
			return 0, err
		}
		return 0, io.EOF
	})
	_, err = f.Save("a.txt", io.MultiReader(strings.NewReader("ours"), appears), false)
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v", err)
	}
	if diff := cmp.Diff(map[string]string{"a.txt": "theirs"}, files(t, dir)); diff != "" {
		t.Error(diff)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestLinkDoesNotLeadOutOfTheFolder(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(outside, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "a.txt")); err != nil {
		t.Skip(err)
	}
	if _, err := os.Readlink(filepath.Join(dir, "a.txt")); err != nil {
		t.Skip("Wine makes links that it does not follow: ", err)
	}
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Save("a.txt", strings.NewReader("x"), false); !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v", err)
	}
	if _, err := f.Save("a.txt", strings.NewReader("x"), true); err != nil {
		t.Error(err)
	}
	if b, _ := os.ReadFile(outside); string(b) != "precious" {
		t.Errorf("the link's target has %q", b)
	}
	if _, err := f.Save("../b.txt", strings.NewReader("x"), true); err == nil {
		t.Error("the name leads out of the folder")
	}
}

func TestAFolderIsNotOverwritten(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "a.txt"), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, force := range []bool{false, true} {
		if _, err := f.Save("a.txt", strings.NewReader("x"), force); !errors.Is(err, ErrFolder) {
			t.Errorf("%v", err)
		}
	}
}

// A later run removes what a killed one has left, and nothing of one that is running.
func TestAPartThatAKilledProcessHasLeftIsRemoved(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, ".narada-part-left")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is left: %v", err)
	}
	body := readerFunc(func([]byte) (int, error) {
		other, err := OpenFolder(dir)
		if err != nil {
			return 0, err
		}
		_ = other.Close() // only read
		return 0, io.EOF
	})
	if _, err := f.Save("a.txt", body, false); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the folder has %v, %v", entries, err)
	}
}
