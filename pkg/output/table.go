package output

import (
	"io"
	"strings"
	"text/tabwriter"

	"github.com/rivo/uniseg"
)

// Table aligns the columns of the rows. It truncates the last one to fit lines of width
// terminal columns.
func Table(rows [][]string, width int) string {
	if len(rows) == 0 {
		return ""
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	last := len(rows[0]) - 1
	for _, row := range rows {
		_, _ = io.WriteString(w, strings.Join(row[:last], "\t")+"\t\n") // a strings.Builder does not fail
	}
	_ = w.Flush()
	lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line+Cut(rows[i][last], width-uniseg.StringWidth(line)), " ")
	}
	return strings.Join(lines, "\n")
}

// minCut is how many columns of a text are left, however narrow the terminal is.
const minCut = 10

// Cut shortens the text to that many columns of the terminal.
func Cut(text string, width int) string {
	width = max(width, minCut)
	if uniseg.StringWidth(text) <= width {
		return text
	}
	var b strings.Builder
	used := 0
	for g := uniseg.NewGraphemes(text); g.Next() && used+g.Width() < width; {
		b.WriteString(g.Str())
		used += g.Width()
	}
	return b.String() + "…"
}
