package cmd

import (
	"context"
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

// addLines is add for a command that prints a result a line: by default text on a terminal, and
// JSON elsewhere.
func (o *outputFlags) addLines(cmd *cobra.Command) {
	cmd.Flags().VarP(usage.Choice(&o.format, "", output.Text, output.JSON), "output", "o", "write stdout in `FORMAT`: text or json (default: text on a terminal, else json)")
	cmd.Flags().StringVar(&o.jq, "jq", "", "filter the JSON of each result with the jq `EXPR`; strings are printed raw")
}

// asJSON reports whether stdout gets JSON.
func (o *outputFlags) asJSON(terminal bool) bool {
	return o.jq != "" || o.format == output.JSON || o.format == "" && !terminal
}

// lineWidth returns the width of the terminal that stdout is, nil if it is none.
func lineWidth(app *App) func() int {
	if app.StdoutTerminal {
		return app.stdoutWidth
	}
	return nil
}

// printer writes a command's output to stdout.
type printer = output.Printer

// printer returns what prints a command's output to stdout.
func (inv *invocation) printer(ctx context.Context, o outputFlags) (*printer, error) {
	var query *output.Query
	if o.jq != "" {
		var err error
		if query, err = output.ParseQuery(ctx, o.jq); err != nil {
			return nil, usage.Errorf("", "--jq: %v", err)
		}
	}
	p := output.NewPrinter(toStdout(inv), inv.app.StdoutTerminal, query)
	p.AsJSON, p.Masker = o.asJSON(inv.app.StdoutTerminal), inv.masker
	return p, nil
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
func calling(inv *invocation, out *outputFlags, run func(context.Context, *printer, *cloud, []string) error) func(*cobra.Command, []string) error {
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
