package output

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/narada-cli/narada/pkg/term"
)

func TestRowsAreAlignedWithThoseBefore(t *testing.T) {
	var b strings.Builder
	r := &Rows{Printer: NewPrinter(&b, false, nil)}
	r.Reserve("line 1")
	for _, name := range []string{"a", "longer name", "b", strings.Repeat("x", 30), "数"} {
		if err := r.Row(Row{Mark: Succeeded, Name: name, Status: "success", Took: "1s", Text: "yes"}); err != nil {
			t.Fatal(err)
		}
	}
	rest := "  success      1s  yes\n"
	want := "✓ a     " + rest + "✓ longer name" + rest + "✓ b          " + rest + "✓ " + strings.Repeat("x", 30) + rest + "✓ 数" + strings.Repeat(" ", 22) + rest
	if b.String() != want {
		t.Errorf("got\n%s, want\n%s", b.String(), want)
	}
}

func TestACompactDocumentIsOneLineOnATerminal(t *testing.T) {
	var b strings.Builder
	p := NewPrinter(&b, true, nil)
	p.Compact = true
	if err := p.JSON(json.RawMessage("{ \"a\": \n[1, 2] }")); err != nil || b.String() != "{\"a\":[1,2]}\n" {
		t.Errorf("%q, %v", b.String(), err)
	}
}

func TestAnExcerptIsOneShortLine(t *testing.T) {
	if got, want := Excerpt("a\n b\x1b "+strings.Repeat("c", 10), 8), "a b^[ c…"; got != want || term.Visible(got) != got {
		t.Errorf("got %q, want %q", got, want)
	}
}
