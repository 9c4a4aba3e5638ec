package term

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/fatih/color"
)

func TestSpansAreColouredIfColourIsOn(t *testing.T) {
	for want, w := range map[string]*Writer{
		"\x1b[32mPA\x1bSS\x1b[0m a\rb": {Color: true},
		"PA\x1bSS a\rb":                {},
		"PA^[SS a^Mb":                  {Terminal: true},
		"\x1b[32mPA^[SS\x1b[0m a^Mb":   {Terminal: true, Color: true},
	} {
		var b writes
		w.W = &b
		if err := w.Print(Span{"PA\x1bSS", color.FgGreen}, Span{Text: " a\rb"}); err != nil || b.String() != want || b.count != 1 {
			t.Errorf("got %q, want %q, in %d writes, %v", b.String(), want, b.count, err)
		}
	}
}

func TestWriterReportsWhatItWroteOfTheText(t *testing.T) {
	w := &Writer{W: &bytes.Buffer{}, Terminal: true}
	if n, err := w.Write([]byte("\x1b\x1b")); n != 2 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	failed := errors.New("failed")
	w.W = writerFunc(func(p []byte) (int, error) { return len(p), failed })
	if n, err := w.Write([]byte("\x1b\x1b")); n > 2 || err != failed {
		t.Errorf("got %d, %v", n, err)
	}
}

// FuzzNothingControlsATerminal writes a text in every way in which text reaches a terminal.
func FuzzNothingControlsATerminal(f *testing.F) {
	for r := range rune(unicode.MaxRune) { // all that Unicode calls a control or a format character
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			f.Add("a" + string(r) + "b")
		}
	}
	f.Add("\x9b31m \xc2 \xe2\x80 \xff")
	f.Fuzz(func(t *testing.T, text string) {
		var b bytes.Buffer
		w := &Writer{W: &b, Terminal: true}
		screen := &Screen{W: w}
		o := ReporterOptions{Screen: screen, Level: Verbose, Mask: plain}
		_, _ = w.Write([]byte(text))
		_, _ = screen.Over(w).Write([]byte(text))
		_ = w.Print(Span{Text: text, Color: color.FgRed})
		for _, o.JSON = range []bool{false, true} {
			r := NewReporter(o)
			r.Error("e", text, text)
			r.Logger("library").Info(text, text, text)
		}
		_, _ = Ask(t.Context(), strings.NewReader(""), w, text)
		got := b.String()
		for i, r := range got {
			if _, size := utf8.DecodeRuneInString(got[i:]); r == utf8.RuneError && size == 1 {
				t.Fatalf("%q: a byte that is not UTF-8 in %q", text, got)
			}
			switch {
			case r == '\n', r == '\t', r >= 0x20 && r < 0x7f:
			case r < 0xa0, // C0, DEL and C1
				r == 0x61c, r == 0x200b, r == 0x200e, r == 0x200f, r == 0x2028, r == 0x2029, r >= 0x202a && r <= 0x202e,
				r >= 0x2060 && r <= 0x206f, r == 0xfeff, r >= 0xe0000 && r <= 0xe007f:
				t.Fatalf("%q: %U in %q", text, r, got)
			}
		}
	})
}
