package output

import (
	"encoding/json"
	"slices"
	"strings"
)

// Print prints a document as JSON if AsJSON is set, else the text.
func (p *Printer) Print(document any, text string) error {
	raw, isRaw := document.(json.RawMessage)
	switch {
	case !p.AsJSON:
		return p.Text(text)
	case isRaw:
		return p.JSON(raw)
	}
	return p.Value(document)
}

// List prints a list: as JSON documents, as a table on a terminal, and elsewhere as lines
// with tabs between the columns.
type List struct {
	Count int // entries so far

	p     *Printer
	width func() int
	rows  [][]string // of the table, with its header

	// Varying is a column that only the table has, and only if two of its values are different,
	// beside "-"; 0: none.
	Varying int
}

// NewList returns a list with that header for its table, which is width columns wide.
func NewList(p *Printer, width func() int, header ...string) *List {
	return &List{p: p, width: width, rows: [][]string{header}}
}

// Add prints an entry, or keeps it for the table.
func (l *List) Add(document any, columns ...string) error {
	l.Count++
	if l.p.terminal && !l.p.AsJSON {
		for i, text := range columns { // before one is cut
			columns[i] = l.p.Masked(text)
		}
		l.rows = append(l.rows, columns)
		return nil
	}
	return l.p.Print(document, strings.Join(l.without(columns), "\t"))
}

// without returns the columns without the varying one.
func (l *List) without(columns []string) []string {
	if l.Varying == 0 {
		return columns
	}
	return slices.Delete(columns, l.Varying, l.Varying+1)
}

// varies reports whether the table has the varying column.
func (l *List) varies() bool {
	values := map[string]bool{"-": true}
	for _, row := range l.rows[1:] {
		values[row[l.Varying]] = true
	}
	return len(values) > 2
}

// Finish prints the table, if there is one. err is why the list ended early.
func (l *List) Finish(err error) error {
	if err != nil || len(l.rows) == 1 {
		return err
	}
	if !l.varies() {
		for i, row := range l.rows {
			l.rows[i] = l.without(row)
		}
	}
	return l.p.Text(Table(l.rows, l.width()))
}
