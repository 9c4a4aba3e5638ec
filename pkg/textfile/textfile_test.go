package textfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

func TestTextIsReadUpToItsLimitWithoutAByteOrderMark(t *testing.T) {
	dir := t.TempDir()
	for name, test := range map[string]struct {
		content string
		limit   int64
		want    string
		err     string
	}{
		"empty":              {"", 4, "", ""},
		"of the limit":       {"abcd", 4, "abcd", ""},
		"over the limit":     {strings.Repeat("x", 4<<20+1), 4 << 20, "", "larger than 4 MiB"},
		"byte order mark":    {"\ufeffa\n", 8, "a\n", ""},
		"only one such mark": {"\ufeff\ufeffa", 8, "\ufeffa", ""},
		"UTF-16":             {"\xff\xfea\x00\x3d\xd8\x00\xde", 8, "a😀", ""},
		"line ends":          {"a\rb\r\nc\x1a", 8, "a\rb\r\nc\x1a", ""},
		"Latin-1":            {"caf\xe9", 8, "", "line 1, column 4: not UTF-8 text; it may be Windows-1252 or a similar encoding"},
		"a zero byte":        {"a\x00", 8, "", "line 1, column 2: not UTF-8 text: a NUL character"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		fromFile, err := ReadFile(t.Context(), path, test.limit)
		if fromFile != test.want && test.err == "" || text(err) != test.err {
			t.Errorf("%s: file: %q, %v", name, fromFile, err)
		}
		fromStream, err := Read(strings.NewReader(test.content), test.limit)
		if fromStream != test.want && test.err == "" || text(err) != test.err {
			t.Errorf("%s: stream: %q, %v", name, fromStream, err)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestAnErrorOfAFileHasItsNameOnce(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing")
	_, err := ReadFile(t.Context(), missing, 1)
	if named := Named(missing, err); !errors.Is(named, fs.ErrNotExist) || strings.Count(named.Error(), missing) != 1 {
		t.Errorf("a missing file: %v", named)
	}
	if _, err := ReadFile(t.Context(), dir, 1); text(Named(dir, err)) != dir+": is a folder" {
		t.Errorf("a folder: %v", err)
	}
	err = os.Rename(missing, dir)
	if named := Named(dir, err); !errors.Is(named, fs.ErrNotExist) || strings.Contains(named.Error(), missing) {
		t.Errorf("a rename: %v", named)
	}
	broken := errors.New("broken")
	if _, err := Read(iotest.ErrReader(broken), 1); err != broken {
		t.Errorf("a broken stream: %v", err)
	}
}
