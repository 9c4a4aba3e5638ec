package output

import (
	"fmt"
	"strings"

	"github.com/fatih/color"
	"github.com/rivo/uniseg"

	"github.com/narada-cli/narada/pkg/term"
)

// Mark is the sign at the start of a Row. It is readable without its colour.
type Mark string

// The marks.
const (
	Succeeded Mark = "✓"
	Failed    Mark = "✗"
	Unclear   Mark = "?"
)

var markColors = map[Mark]color.Attribute{Succeeded: color.FgGreen, Failed: color.FgRed, Unclear: color.FgYellow}

// Row is one of many results as a line of text. Its texts may be of others.
type Row struct {
	Mark               Mark
	Name, Status, Took string
	Text               string // the answer, or the reason of a failure
}

// The layout of a row.
const (
	maxNames    = 24 // columns of the names; on a terminal a longer name is cut, as one of a third of its width
	reasonLines = 3  // that a reason may have on a terminal
	reasonStart = "    "
)

// Rows prints rows as they arise, and so aligns them with those before only.
type Rows struct {
	*Printer
	Width func() int // of the terminal, in columns; nil: nothing is cut

	names int // columns of the names so far
}

// Reserve makes room for a name.
func (r *Rows) Reserve(name string) { r.names = max(r.names, min(uniseg.StringWidth(name), maxNames)) }

// Row prints a row: on a terminal its answer is cut, and a reason for which the line has no room
// is below it.
func (r *Rows) Row(row Row) error {
	width := 0
	if r.Width != nil {
		width = r.Width() - uniseg.StringWidth(string(row.Mark))
	}
	head, text := r.head(row, width), term.OneLine(r.Masked(row.Text))
	return r.Led(term.Span{Text: string(row.Mark), Color: markColors[row.Mark]}, r.layOut(head, text, row.Mark == Succeeded, width))
}

// head returns what precedes the text.
func (r *Rows) head(row Row, width int) string {
	name := term.OneLine(r.Masked(row.Name))
	if r.Width != nil {
		name = term.Cut(name, min(maxNames, width/3))
	}
	r.Reserve(name)
	gap := strings.Repeat(" ", max(r.names-uniseg.StringWidth(name), 0))
	return fmt.Sprintf(" %s%s  %-8s  %5s  ", name, gap, term.OneLine(row.Status), row.Took)
}

func (r *Rows) layOut(head, text string, answer bool, width int) string {
	room := width - uniseg.StringWidth(head)
	switch {
	case r.Width == nil:
		return strings.TrimRight(head+text, " ")
	case answer, uniseg.StringWidth(text) <= room:
		return term.Cut(strings.TrimRight(head+term.Cut(text, room), " "), width)
	}
	lines := []string{term.Cut(strings.TrimRight(head, " "), width)}
	room = max(width+1-len(reasonStart), 1)
	for _, line := range term.Wrap(term.Cut(text, reasonLines*room-room/2), room) {
		lines = append(lines, reasonStart+line)
	}
	return strings.Join(lines, "\n")
}

// Excerpt returns the start of text, on one line, of at most that many columns.
func Excerpt(text string, columns int) string { return term.Cut(term.OneLine(text), columns) }
