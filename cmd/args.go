package cmd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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

// oneArg requires one argument, which the help calls name.
func oneArg(name, hint string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usageError(hint, "expected one %s, got %s", name, quantity(len(args), "argument"))
		}
		return nil
	}
}

// exclusive refuses two of these flags on one command line.
func exclusive(f *pflag.FlagSet, names ...string) error {
	first := ""
	for _, name := range names {
		switch {
		case !f.Changed(name):
		case first != "":
			return usageError("", "--%s and --%s cannot be used together", first, name)
		default:
			first = name
		}
	}
	return nil
}

// requires refuses these flags without the flag that they belong to.
func requires(f *pflag.FlagSet, required string, names ...string) error {
	for _, name := range names {
		if f.Changed(name) && !f.Changed(required) {
			return usageError("", "--%s requires --%s", name, required)
		}
	}
	return nil
}

// atLeast checks the value of a flag.
func atLeast[N int | int64 | float64 | time.Duration](flag string, value, minimum N) error {
	if value >= minimum {
		return nil
	}
	return usageError("", "--%s: must be at least %v", flag, minimum)
}

// quantity is "1 callback" or "2 callbacks".
func quantity[N int | int64 | float64](n N, noun string) string {
	return fmt.Sprintf("%v %s%s", n, noun, plural(n != 1))
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
