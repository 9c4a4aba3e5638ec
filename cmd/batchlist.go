package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
)

func newBatchList(inv *invocation) *cobra.Command {
	var out outputFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the batches in the ledger",
		Long: `list lists the batches, the newest first: name, age, how many lines of how many were
sent, how they stand, and the input. On a terminal it is a table; elsewhere a line
has the same fields, with tabs between them; with -o json it is an object.`,
		Example: `  # those with lines that have failed
  narada batch list -o json --jq 'select(.counts.error > 0) | .name'`,
		Args: noArgs,
		RunE: inv.withSettings(func(cmd *cobra.Command, _ []string) error { return runBatchList(cmd.Context(), inv, out) }),
	}
	out.add(cmd)
	return cmd
}

func runBatchList(ctx context.Context, inv *invocation, out outputFlags) error {
	p, err := inv.printer(ctx, out)
	if err != nil {
		return err
	}
	l, err := inv.existingLedger(ctx)
	if l == nil {
		return inv.nothingKept(err)
	}
	defer inv.closeLedger(l)
	rows := [][]string{{"NAME", "AGE", "SENT", "STATUS", "INPUT"}}
	err = batch.List(ctx, l, func(b batch.Summary) error {
		if p.json {
			rows = append(rows, nil)
			return p.Value(b)
		}
		row := []string{b.Name, units.Age(inv.app.start.Sub(b.BegunAt)), fmt.Sprintf("%d/%d", b.Sent, b.Lines), dash(countsText(b.Counts)), term.OneLine(b.Input)}
		rows = append(rows, row)
		if inv.app.StdoutTerminal {
			return nil
		}
		return p.Text(strings.Join(row, "\t"))
	})
	switch {
	case err != nil:
		return err
	case len(rows) == 1:
		inv.log.Info("batch", "there are no batches")
	case inv.app.StdoutTerminal && !p.json:
		return p.Text(table(rows, inv.app.stdoutWidth()))
	}
	return nil
}

func newBatchShow(inv *invocation) *cobra.Command {
	var out outputFlags
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Show how a batch stands",
		Long: `show prints how the batch stands, and the lines that have not succeeded: place, id,
status, request ID, and why. With -o json it is one object.`,
		Example:           `  narada batch show companies`,
		Args:              oneBatch,
		ValidArgsFunction: inv.completeBatch,
		RunE:              inv.withSettings(func(cmd *cobra.Command, args []string) error { return runBatchShow(cmd.Context(), inv, out, args[0]) }),
	}
	out.add(cmd)
	return cmd
}

func oneBatch(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError("narada batch list lists them", "the name of one batch is wanted, and here are %d arguments", len(args))
	}
	return nil
}

// completeBatch completes the names of batches.
func (inv *invocation) completeBatch(cmd *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	if len(args) > 0 || inv.load(cmd) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	l, err := inv.existingLedger(cmd.Context())
	if l == nil || err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer inv.closeLedger(l)
	_ = batch.List(cmd.Context(), l, func(b batch.Summary) error {
		names = append(names, b.Name)
		return nil
	})
	return names, cobra.ShellCompDirectiveNoFileComp
}

// readBatch calls read with the ledger, which has the batch of that name.
func (inv *invocation) readBatch(ctx context.Context, name string, read func(batch.Reader) error) error {
	l, err := inv.existingLedger(ctx)
	if err != nil {
		return err
	}
	err = batch.ErrNoBatch
	if l != nil {
		defer inv.closeLedger(l)
		err = read(l)
	}
	if errors.Is(err, batch.ErrNoBatch) {
		return usageError("narada batch list lists them", "there is no batch %q", name)
	}
	return err
}

// failedJSON is a line that did not succeed, as -o json prints it.
type failedJSON struct {
	Line         *int          `json:"line"`
	ID           *string       `json:"id"`
	Status       narada.Status `json:"status"`
	RequestID    *string       `json:"requestId"`
	Error        *string       `json:"error"`
	SchemaErrors []string      `json:"schemaErrors,omitempty"`
}

func newFailedJSON(o batch.Outcome) failedJSON {
	j := failedJSON{ID: present(o.ID), Status: o.StatusName(), RequestID: present(o.RequestID), Error: present(o.Failure), SchemaErrors: o.SchemaErrors}
	if o.Number != 0 {
		j.Line = &o.Number
	}
	return j
}

func runBatchShow(ctx context.Context, inv *invocation, out outputFlags, name string) error {
	p, err := inv.printer(ctx, out)
	if err != nil {
		return err
	}
	return inv.readBatch(ctx, name, func(r batch.Reader) error {
		b, failed, err := batch.Show(ctx, r, name)
		if err != nil {
			return err
		}
		if p.json {
			list := []failedJSON{}
			for _, o := range failed {
				list = append(list, newFailedJSON(o))
			}
			return p.Value(struct {
				batch.Summary
				NotSucceeded []failedJSON `json:"notSucceeded"`
			}{b, list})
		}
		var text strings.Builder
		fmt.Fprintf(&text, "batch   %s\nbegun   %s\ninput   %s\ncloud   %s\nsent    %d of %d lines: %s\n",
			b.Name, formatTime(b.BegunAt), term.OneLine(b.Input), b.BaseURL, b.Sent, b.Lines, dash(countsText(b.Counts)))
		for _, o := range failed {
			text.WriteString(failedLine(o) + "\n")
		}
		return p.Text(text.String())
	})
}

func newBatchResults(inv *invocation) *cobra.Command {
	var jq string
	cmd := &cobra.Command{
		Use:   "results NAME",
		Short: "Print the results of a batch from the ledger",
		Long: `results prints what batch run has printed, a JSON object a line, of all lines that
have ended, in the order of the input as it was when the batch was run last; those
that are no longer in it come last, with null as their line. Nothing is asked of the
cloud.`,
		Example: `  narada batch results companies --jq '[.id, .response.text] | @csv'`,
		Args:    oneBatch, ValidArgsFunction: inv.completeBatch,
		RunE: inv.withSettings(func(cmd *cobra.Command, args []string) error { return runBatchResults(cmd.Context(), inv, jq, args[0]) }),
	}
	cmd.Flags().StringVar(&jq, "jq", "", "print what the jq `expression` makes of each result; strings come out raw")
	return cmd
}

func runBatchResults(ctx context.Context, inv *invocation, jq, name string) error {
	p, err := inv.printer(ctx, outputFlags{format: "json", jq: jq})
	if err != nil {
		return err
	}
	return inv.readBatch(ctx, name, func(r batch.Reader) error {
		open, err := batch.Results(ctx, r, name, p.JSON)
		if open > 0 && err == nil {
			inv.log.Info("batch", fmt.Sprintf("%d line%s %s not ended, as far as is known here", open, plural(open != 1), verb(open, "has", "have")))
		}
		return err
	})
}
