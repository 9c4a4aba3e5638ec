package cmd

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/usage"
)

// outputFlags are -o and --jq.
type outputFlags struct {
	format output.Format
	jq     string
}

func (o *outputFlags) add(cmd *cobra.Command) {
	cmd.Flags().VarP(usage.Choice(&o.format, output.Text, output.Text, output.JSON), "output", "o", "write stdout in `FORMAT`: text or json")
	cmd.Flags().StringVar(&o.jq, "jq", "", "filter the JSON with the jq `EXPR`; strings are printed raw")
}

// printer writes a command's output to stdout.
type printer struct {
	*output.Printer
	json bool // print JSON, not text
}

func (inv *invocation) printer(ctx context.Context, o outputFlags) (*printer, error) {
	var query *output.Query
	if o.jq != "" {
		var err error
		if query, err = output.ParseQuery(ctx, o.jq); err != nil {
			return nil, usage.Errorf("", "--jq: %v", err)
		}
	}
	stdout := inv.app.Stdout
	if inv.app.StdoutTerminal { // perhaps the terminal of the spinner
		stdout = inv.log.Over(stdout)
	}
	return &printer{
		Printer: output.NewPrinter(stdout, inv.app.StdoutTerminal, query),
		json:    o.format == output.JSON || query != nil,
	}, nil
}

// Print prints a document as JSON, or else the text.
func (p *printer) Print(document any, text string) error {
	raw, isRaw := document.(json.RawMessage)
	switch {
	case !p.json:
		return p.Text(text)
	case isRaw:
		return p.JSON(raw)
	}
	return p.Value(document)
}

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

// calling makes the RunE of a command that prints to stdout and calls the API, within
// --timeout.
func (inv *invocation) calling(out *outputFlags, run func(context.Context, *printer, *cloud, []string) error) func(*cobra.Command, []string) error {
	return inv.printing(out, func(ctx context.Context, p *printer, args []string) error {
		c, err := inv.cloud()
		if err != nil {
			return err
		}
		ctx, cancel := inv.deadline(ctx, inv.duration(config.Timeout))
		defer cancel()
		return run(ctx, p, c, args)
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
	if l.inv.app.StdoutTerminal && !l.p.json {
		l.rows = append(l.rows, columns)
		return nil
	}
	return l.p.Print(document, strings.Join(columns, "\t"))
}

// finish prints the table, if there is one. err is why the list has ended early.
func (l *lister) finish(err error) error {
	if err != nil || len(l.rows) == 1 {
		return err
	}
	return l.p.Text(output.Table(l.rows, l.inv.app.stdoutWidth()))
}
