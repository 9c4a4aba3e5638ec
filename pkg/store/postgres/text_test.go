package postgres

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzText(f *testing.F) {
	for _, seed := range []string{"", "a", "ä\u2028\ufffd", "\x00", "a\x00\x00b", "\xff\x80", "\xed\xa0\x80", escape, escape + escape + "\x00", escape + "\u0100", "\xef\xb7", "\U0010ffff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		stored := escaped(text)
		if !utf8.ValidString(stored) || strings.Contains(stored, "\x00") {
			t.Errorf("PostgreSQL cannot store %q", stored)
		}
		if got := unescaped(stored); got != text {
			t.Errorf("%q becomes %q", text, got)
		}
		if utf8.ValidString(text) && !strings.ContainsAny(text, "\x00"+escape) && stored != text {
			t.Errorf("%q is stored as %q", text, stored)
		}
	})
}
