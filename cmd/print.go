package cmd

import (
	"context"

	"github.com/spf13/cobra"

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
