package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/output"
)

// outputFlags are -o and --jq.
type outputFlags struct {
	format string
	jq     string
}

func (o *outputFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.format, "output", "o", "text", "write stdout in `FORMAT`: text or json")
	cmd.Flags().StringVar(&o.jq, "jq", "", "filter the JSON with the jq `EXPR`; strings are printed raw")
	fixed(cmd, "output", "text", "json")
}

// printer writes a command's output to stdout.
type printer struct {
	*output.Printer
	json bool // print JSON, not text
}

func (inv *invocation) printer(ctx context.Context, o outputFlags) (*printer, error) {
	format, err := output.ParseFormat(o.format)
	if err != nil {
		return nil, usageError("", "--output: %v", err)
	}
	var query *output.Query
	if o.jq != "" {
		if query, err = output.ParseQuery(ctx, o.jq); err != nil {
			return nil, usageError("", "--jq: %v", err)
		}
	}
	stdout := inv.app.Stdout
	if inv.app.StdoutTerminal { // perhaps the terminal of the spinner
		stdout = inv.log.Over(stdout)
	}
	return &printer{
		Printer: output.NewPrinter(stdout, inv.app.StdoutTerminal, query),
		json:    format == output.JSON || query != nil,
	}, nil
}

func plural(many bool) string {
	if many {
		return "s"
	}
	return ""
}
