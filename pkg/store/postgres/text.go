package postgres

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/narada-cli/narada/pkg/narada"
)

// PostgreSQL refuses NUL in text, and bytes that are not UTF-8. Each of them is stored as two
// characters: one that is reserved for the use inside a program, and one whose code is that of
// the byte plus firstByte.
const (
	escape    = "\ufdd0"
	firstByte = 0x100
)

// escaped returns the text as it is stored.
func escaped(text string) string {
	if utf8.ValidString(text) && !strings.ContainsAny(text, "\x00"+escape) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		if part := text[:size]; r != 0 && part != escape && !(r == utf8.RuneError && size == 1) {
			b.WriteString(part)
		} else {
			for _, c := range []byte(part) {
				b.WriteString(escape)
				b.WriteRune(firstByte + rune(c))
			}
		}
		text = text[size:]
	}
	return b.String()
}

// unescaped is the reverse of escaped.
func unescaped(text string) string {
	first, rest, found := strings.Cut(text, escape)
	if !found {
		return text
	}
	var b strings.Builder
	b.WriteString(first)
	for part := range strings.SplitSeq(rest, escape) {
		r, size := utf8.DecodeRuneInString(part)
		b.WriteByte(byte(r - firstByte))
		b.WriteString(part[size:])
	}
	return b.String()
}

// escapedArgs returns the arguments of a query as they are sent.
func escapedArgs(args []any) []any {
	args = slices.Clone(args)
	for i, arg := range args {
		switch arg := arg.(type) {
		case string:
			args[i] = escaped(arg)
		case []string:
			list := make([]string, len(arg))
			for i, text := range arg {
				list[i] = escaped(text)
			}
			args[i] = list
		}
	}
	return args
}

// storedRows are rows whose texts are escaped.
type storedRows struct{ pgx.Rows }

// Scan implements scanner.
func (r storedRows) Scan(to ...any) error {
	err := r.Rows.Scan(to...)
	for _, one := range to {
		switch one := one.(type) {
		case *string:
			*one = unescaped(*one)
		case *narada.Status:
			*one = narada.Status(unescaped(string(*one)))
		case *[]string:
			for i, text := range *one {
				(*one)[i] = unescaped(text)
			}
		}
	}
	return err
}
