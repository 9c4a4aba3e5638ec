package ui

import (
	"fmt"
	"html/template"
	"strings"
	"time"
	"unicode"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/units"
)

// visible returns the text of others with characters that control how text is shown made
// visible, and bytes that are not text replaced.
func visible(text string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(text, "\uFFFD") {
		switch {
		case r == '\n' || r == '\t':
			b.WriteRune(r)
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Cs):
			fmt.Fprintf(&b, "\\u{%X}", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// line returns the text as one line of at most size characters.
func line(text string, size int) string {
	if limit := 8 * size; len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	words := strings.Join(strings.Fields(visible(text)), " ")
	if runes := []rune(words); len(runes) > size {
		return string(runes[:size-1]) + "…"
	}
	return words
}

// mark is a sign of a status that can be told from the others without colour.
func mark(status narada.Status) string {
	switch status {
	case narada.StatusSuccess:
		return "✓"
	case narada.StatusError, store.StatusMismatch:
		return "✗"
	case narada.StatusInputRequired:
		return "!"
	case store.StatusRefused:
		return "⊘"
	case store.StatusUnknown:
		return "?"
	case "":
		return "–"
	}
	return "…"
}

// seconds formats a duration.
func seconds(d time.Duration) string {
	if d <= 0 {
		return "–"
	}
	return units.Round(d).String()
}

// functions are those of the templates.
func functions() template.FuncMap {
	return template.FuncMap{
		"visible": visible, "line": line, "mark": mark, "seconds": seconds, "credits": units.Credits, "size": units.Size,
		"iso":    func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
		"clock":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000") + " UTC" },
		"age":    units.Age,
		"plural": func(n int, noun string) string { return units.Count(n, noun) },
	}
}
