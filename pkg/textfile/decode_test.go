package textfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"
	"unicode/utf8"
)

// encode returns text as UTF-16 without a byte order mark.
func encode(order binary.AppendByteOrder, text string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, unit)
	}
	return string(b)
}

// readAll reads a text as a whole, and byte by byte, which must be the same.
func readAll(t *testing.T, text string, lines bool) (string, error) {
	t.Helper()
	got, err := io.ReadAll(NewReader(strings.NewReader(text), lines))
	again, err2 := io.ReadAll(iotest.OneByteReader(NewReader(iotest.OneByteReader(strings.NewReader(text)), lines)))
	if !bytes.Equal(got, again) || (err == nil) != (err2 == nil) {
		t.Errorf("%.40q: got %.40q, %v; byte by byte %.40q, %v", text, got, err, again, err2)
	}
	return string(got), err
}

func TestTextIsDecoded(t *testing.T) {
	long := strings.Repeat("größer\r\n", 10_000) + strings.Repeat("😀", 10_000)
	for name, test := range map[string]struct{ text, want, lines string }{
		"ASCII":                {"a\nb\r\nc\rd", "a\nb\r\nc\rd", "a\nb\r\nc\nd"},
		"nothing":              {"", "", ""},
		"only a mark":          {"\ufeff", "", ""},
		"only one such mark":   {"\ufeff\ufeffa", "\ufeffa", "\ufeffa"},
		"CR at the end":        {"a\r", "a\r", "a\n"},
		"CR twice":             {"a\r\r\nb\r\r", "a\r\r\nb\r\r", "a\n\r\nb\n\n"},
		"Ctrl-Z at the end":    {"a\r\n\x1a", "a\r\n\x1a", "a\r\n"},
		"U+FFFD":               {"a\ufffdb", "a\ufffdb", "a\ufffdb"},
		"little endian":        {"\xff\xfe" + encode(binary.LittleEndian, "a😀\r\ufffd\x1a"), "a😀\r\ufffd\x1a", "a😀\n\ufffd"},
		"big endian":           {"\xfe\xff" + encode(binary.BigEndian, "a😀\r\n"), "a😀\r\n", "a😀\r\n"},
		"UTF-16 without text":  {"\xff\xfe", "", ""},
		"long":                 {long, long, long},
		"long little endian":   {"\xff\xfe" + encode(binary.LittleEndian, long), long, long},
		"long big endian":      {"\xfe\xff" + encode(binary.BigEndian, long), long, long},
		"CR at each offset":    {strings.Repeat("abc\r", 5_000), strings.Repeat("abc\r", 5_000), strings.Repeat("abc\n", 5_000)},
		"CRLF at each offset":  {strings.Repeat("abc\r\n", 5_000), strings.Repeat("abc\r\n", 5_000), strings.Repeat("abc\r\n", 5_000)},
		"three bytes per rune": {strings.Repeat("中", 5_000), strings.Repeat("中", 5_000), strings.Repeat("中", 5_000)},
	} {
		for lines, want := range map[bool]string{false: test.want, true: test.lines} {
			if got, err := readAll(t, test.text, lines); got != want || err != nil {
				t.Errorf("%s, %v: got %.60q, %v", name, lines, got, err)
			}
		}
	}
}

func TestTextThatCannotBeReadIsExplained(t *testing.T) {
	const western = "; it may be Windows-1252 or a similar encoding"
	const without = "not UTF-8 text: a NUL character; it may be UTF-16 without a byte order mark"
	long := strings.Repeat("Größe\n", 10_000)
	for name, test := range map[string]struct{ text, want, likely string }{
		"Windows-1252":          {"a\nZ\xfcrich, \x80 5", "line 2, column 2: not UTF-8 text" + western, "WINDOWS-1252"},
		"far away":              {long + "ab\xfc", "line 10001, column 3: not UTF-8 text", ""},
		"a long line":           {strings.Repeat("中", 10_000) + "\xff", "line 1, column 10001: not UTF-8 text", ""},
		"Mac Roman":             {"a\rb\rZ\x9frich\r", "line 3, column 2: not UTF-8 text; it may be Mac Roman", "MACINTOSH"},
		"not Windows-1252":      {"a \x81 b", "line 1, column 3: not UTF-8 text", ""},
		"Cyrillic":              {"\xcf\xf0\xe8\xe2\xe5\xf2", "line 1, column 1: not UTF-8 text", ""},
		"cut off":               {"a\xc3", "line 1, column 2: not UTF-8 text" + western, "WINDOWS-1252"},
		"an encoded surrogate":  {"a\xed\xa0\x80", "line 1, column 2: not UTF-8 text", ""},
		"a NUL":                 {"one\ntwo\x00\n", "line 2, column 4: not UTF-8 text: a NUL character", ""},
		"a NUL in UTF-16":       {"\xff\xfea\x00\x00\x00", "line 1, column 2: not UTF-8 text: a NUL character", ""},
		"a Ctrl-Z":              {"one\n\x1a\n", "line 2, column 1: Ctrl-Z (U+001A) before the end", ""},
		"two Ctrl-Zs":           {"one\x1a\x1a", "line 1, column 4: Ctrl-Z (U+001A) before the end", ""},
		"no mark":               {encode(binary.LittleEndian, "prompt\r\nfind ä\r\n"), "line 1, column 2: " + without, "UTF-16LE"},
		"no mark, big endian":   {encode(binary.BigEndian, "prompt\r\nfind ä\r\n"), "line 1, column 1: " + without, "UTF-16BE"},
		"UTF-32, little endian": {"\xff\xfe\x00\x00a\x00\x00\x00", "not UTF-8 text; it may be UTF-32", "UTF-32"},
		"UTF-32, big endian":    {"\x00\x00\xfe\xff\x00\x00\x00a", "not UTF-8 text; it may be UTF-32", "UTF-32"},
		"UTF-32 without a mark": {"a\x00\x00\x00b\x00\x00\x00c\x00\x00\x00", "line 1, column 2: not UTF-8 text: a NUL character; it may be UTF-32", "UTF-32"},
		"half a character":      {"\xff\xfea\x00\n\x00b\x00c", "line 2, column 2: not valid UTF-16: it ends with half a character", ""},
		"a lone high surrogate": {"\xff\xfea\x00\x3d\xd8b\x00", "line 1, column 2: not valid UTF-16: an unpaired surrogate", ""},
		"a lone low surrogate":  {"\xfe\xff\xde\x00\x00a", "line 1, column 1: not valid UTF-16: an unpaired surrogate", ""},
		"a surrogate at the end": {"\xff\xfe" + encode(binary.LittleEndian, long) + "\x3d\xd8",
			"line 10001, column 1: not valid UTF-16: an unpaired surrogate", ""},
	} {
		_, err := readAll(t, test.text, true)
		e, ok := errors.AsType[*EncodingError](err)
		if !ok || e.Error() != test.want || e.Likely != test.likely {
			t.Errorf("%s: got %v, %+v", name, err, e)
			continue
		}
		if hint := e.Hint(); !strings.Contains(hint, "UTF-8") || !strings.Contains(hint, test.likely) {
			t.Errorf("%s: hint %q", name, hint)
		}
	}
	broken := errors.New("broken")
	if _, err := io.ReadAll(NewReader(io.MultiReader(strings.NewReader("a\r"), iotest.ErrReader(broken)), true)); err != broken {
		t.Errorf("got %v", err)
	}
}

// What is read is what was written, or an error.
func FuzzReader(f *testing.F) {
	for _, text := range []string{"a\r\nb\rc", "\xff\xfea\x00", "\xfe\xff\xd8\x3d\xde\x00", "\xef\xbb\xbfa\x1a", "a\x00b", "\xff\xfe\x00\x00", strings.Repeat("ä\r", 3000)} {
		f.Add(text, 4095)
	}
	f.Fuzz(func(t *testing.T, text string, padding int) {
		text = strings.Repeat("x", max(0, min(padding, 5000))) + text
		got, err := readAll(t, text, false)
		plain := strings.TrimPrefix(text, "\ufeff")
		wide := strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") || strings.HasPrefix(text, "\x00\x00\xfe\xff")
		if good := Check(plain) == nil; !wide && (good != (err == nil) || good && got != plain) {
			t.Errorf("%.60q: got %.60q, %v", text, got, err)
		}
		if !utf8.ValidString(got) {
			t.Errorf("%.60q: got %.60q", text, got)
		}
		lines, err2 := readAll(t, text, true)
		if strings.Contains(strings.ReplaceAll(lines, "\r\n", ""), "\r") || err2 == nil && (err != nil || len(got)-len(lines) > 1) {
			t.Errorf("%.60q: got %.60q, %v", text, lines, fmt.Sprint(err, err2))
		}
	})
}
