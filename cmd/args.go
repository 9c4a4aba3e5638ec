package cmd

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/output"
)

// printing makes the RunE of a command that needs the settings and prints to stdout.
func (inv *invocation) printing(out *outputFlags, run func(context.Context, *printer, []string) error) func(*cobra.Command, []string) error {
	return inv.withSettings(func(cmd *cobra.Command, args []string) error {
		p, err := inv.printer(cmd.Context(), *out)
		if err != nil {
			return err
		}
		return run(cmd.Context(), p, args)
	})
}

// dash is "-" for an empty column.
func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func formatTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }

// lister prints a list: as JSON documents, as a table on a terminal, and elsewhere as
// lines with tabs between the columns.
type lister struct {
	inv   *invocation
	p     *printer
	rows  [][]string // of the table, with its header
	count int
}

func newLister(inv *invocation, p *printer, header ...string) *lister {
	return &lister{inv: inv, p: p, rows: [][]string{header}}
}

// add prints an entry, or keeps it for the table.
func (l *lister) add(document any, columns ...string) error {
	l.count++
	switch {
	case l.p.json:
		return l.p.Value(document)
	case l.inv.app.StdoutTerminal:
		l.rows = append(l.rows, columns)
		return nil
	}
	return l.p.Text(strings.Join(columns, "\t"))
}

// finish prints the table, if there is one. err is why the list has ended early.
func (l *lister) finish(err error) error {
	if err != nil || len(l.rows) == 1 {
		return err
	}
	return l.p.Text(output.Table(l.rows, l.inv.app.stdoutWidth()))
}
