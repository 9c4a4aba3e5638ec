package output

import (
	"slices"
	"strings"

	"github.com/rivo/uniseg"

	"github.com/narada-cli/narada/pkg/term"
)

const (
	minCut  = 10 // how many columns of a text are left, however narrow the terminal is
	minLast = 20 // how many the last column of a table gets, if it needs them
	gap     = "  "
)

// Table aligns the columns of the rows, to fit lines of width terminal columns: it truncates
// the last column, which keeps 20 columns of the terminal, then the ones between it and the
// first, and leaves these out from the right.
func Table(rows [][]string, width int) string {
	if len(rows) == 0 {
		return ""
	}
	last := len(rows[0]) - 1
	widths := make([]int, last+1)
	for _, row := range rows {
		for i, text := range row {
			widths[i] = max(widths[i], uniseg.StringWidth(text))
		}
	}
	shown := fit(widths[:last], width-min(widths[last], minLast))
	lines := make([]string, len(rows))
	for i, row := range rows {
		var line strings.Builder
		for j, room := range shown {
			text := term.Cut(row[j], room)
			line.WriteString(text + strings.Repeat(" ", room-uniseg.StringWidth(text)) + gap)
		}
		line.WriteString(Cut(row[last], width-uniseg.StringWidth(line.String())))
		lines[i] = strings.TrimRight(line.String(), " ")
	}
	return strings.Join(lines, "\n")
}

// fit returns the widths of the columns that are shown before the last one, with a gap after
// each, in that room. The first is shown whole.
func fit(widths []int, room int) []int {
	for n := len(widths); n > 1; n-- {
		shown := slices.Clone(widths[:n])
		excess := n*len(gap) - room
		for _, w := range shown {
			excess += w
		}
		for ; excess > 0; excess-- {
			widest := 1
			for i := range shown[1:] {
				if shown[i+1] > shown[widest] {
					widest = i + 1
				}
			}
			if shown[widest] <= minCut {
				break
			}
			shown[widest]--
		}
		if excess <= 0 {
			return shown
		}
	}
	return widths[:min(1, len(widths))]
}

// Cut shortens the text to that many columns of the terminal, at least ten.
func Cut(text string, width int) string { return term.Cut(text, max(width, minCut)) }
