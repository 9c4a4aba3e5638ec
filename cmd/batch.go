package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/usage"
)

func newBatch(inv *invocation) *cobra.Command {
	cmd := usage.Group("batch", "Run many prompts, one answer each", `batch runs the tasks of a file, several at once, and sends each only once. To resume
a batch that was stopped, run the same command again.`)
	cmd.AddCommand(newBatchRun(inv), newBatchList(inv), newBatchShow(inv), newBatchResults(inv), newBatchWork(inv), newBatchDelete(inv))
	return cmd
}

func newBatchList(inv *invocation) *cobra.Command {
	var out outputFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the batches in the ledger",
		Long: `list prints the batches, the newest first: name, age, sent and total lines, lines by
status, and input. On a terminal it prints a table; elsewhere it prints a line for
each batch, with tabs between the columns, or with -o json an object.`,
		Example: `  # those with lines that have failed
  narada batch list -o json --jq 'select(.counts.error > 0) | .name'`,
		Args: usage.NoArgs,
		RunE: withLedger(inv, &out, "batches", func(ctx context.Context, p *printer, l store.Ledger) error { return runBatchList(ctx, inv, p, l) }),
	}
	out.add(cmd)
	return cmd
}

func runBatchList(ctx context.Context, inv *invocation, p *printer, l store.Ledger) error {
	list := output.NewList(p, inv.app.stdoutWidth, "NAME", "AGE", "SENT", "STATUS", "INPUT")
	err := batch.List(ctx, l, func(b batch.Summary) error {
		return list.Add(b, b.Name, units.Age(inv.app.start.Sub(b.BegunAt)), fmt.Sprintf("%d/%d", b.Sent, b.Lines), dash(batch.CountsText(b.Counts)), term.OneLine(b.Input))
	})
	if err == nil && list.Count == 0 {
		inv.log.Info("batch", "no batches yet")
	}
	return list.Finish(err)
}

func newBatchShow(inv *invocation) *cobra.Command {
	var out outputFlags
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Show the state of a batch",
		Long: `show prints the state of a batch, and the lines that have not succeeded: line
number, id, status, request ID and reason. It then says which commands resume the
batch, send lines again and print the results. With -o json it prints one object.`,
		Example: `  narada batch show companies`,
		Args:    usage.OneArg("NAME", batchListHint),
		RunE:    inv.printing(&out, func(ctx context.Context, p *printer, args []string) error { return runBatchShow(ctx, inv, p, args[0]) }),
	}
	out.add(cmd)
	return cmd
}

const batchListHint = "list the batches: narada batch list"

// readBatch calls read with the ledger, which has the batch of that name.
func (inv *invocation) readBatch(ctx context.Context, name string, read func(batch.Store) error) error {
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
		return usage.Errorf(batchListHint, "no batch %q", name)
	}
	return err
}

func runBatchShow(ctx context.Context, inv *invocation, p *printer, name string) error {
	return inv.readBatch(ctx, name, func(r batch.Store) error {
		b, failed, err := batch.Show(ctx, r, name, visible(inv))
		if err != nil {
			return err
		}
		var text strings.Builder
		fmt.Fprintf(&text, "batch   %s\nbegun   %s\ninput   %s\ncloud   %s\nsent    %d of %d lines: %s\n",
			b.Name, formatTime(b.BegunAt), term.OneLine(b.Input), b.BaseURL, b.Sent, b.Lines, dash(batch.CountsText(b.Counts)))
		for _, o := range failed {
			text.WriteString(term.OneLine(o.Text()) + "\n")
		}
		if err := p.Print(batch.NewDocument(b, failed), text.String()); err != nil {
			return err
		}
		for _, hint := range b.Next(failed, func(words ...string) []string { return commandLine(inv, words...) }) {
			inv.log.Hint(hint)
		}
		return nil
	})
}

func newBatchResults(inv *invocation) *cobra.Command {
	var out outputFlags
	var report junitFlag
	cmd := &cobra.Command{
		Use:   "results NAME",
		Short: "Print the results of a batch from the ledger",
		Long: `results prints what batch run has printed: a result for each line that has finished, on
a terminal a line of text, elsewhere a JSON object. They are in the order of the input
when the batch was last run. Lines that are no longer in the input come last, with null
as their line number. The API is not asked.`,
		Example: `  narada batch results companies --jq '[.id, .response.text] | @csv'`,
		Args:    usage.OneArg("NAME", batchListHint),
		RunE: inv.printing(&out, func(ctx context.Context, p *printer, args []string) error {
			return runBatchResults(ctx, inv, p, args[0], &report)
		}),
	}
	report.add(cmd, "line")
	out.addLines(cmd)
	return cmd
}

func runBatchResults(ctx context.Context, inv *invocation, p *printer, name string, report *junitFlag) error {
	if err := report.check(); err != nil {
		return err
	}
	p.Compact = true // as batch run prints them
	return inv.readBatch(ctx, name, func(r batch.Store) error {
		open, err := batch.Results(ctx, r, name, &output.Rows{Printer: p, Width: lineWidth(inv.app)})
		if open > 0 && err == nil {
			inv.log.Info("batch", units.Count(open, "line")+" not finished yet, according to the ledger")
		}
		if err != nil || report.path == "" {
			return err
		}
		suite, err := batch.Report(ctx, r, name, visible(inv))
		return cmp.Or(err, report.write(suite))
	})
}

func newBatchDelete(inv *invocation) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete a batch, but not its tasks",
		Long: `delete forgets a batch and its lines: the next batch run with that name sends all
lines. The tasks and their answers remain in narada history. On a terminal it asks
first; elsewhere it requires --yes.`,
		Example: `  narada batch delete companies --yes`,
		Args:    usage.OneArg("NAME", batchListHint),
		RunE:    inv.withSettings(func(cmd *cobra.Command, args []string) error { return runBatchDelete(cmd.Context(), inv, args[0], yes) }),
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "delete it without asking")
	return cmd
}

func runBatchDelete(ctx context.Context, inv *invocation, name string, yes bool) error {
	return inv.readBatch(ctx, name, func(s batch.Store) error {
		b, _, err := batch.Show(ctx, s, name, nil)
		if err != nil {
			return err
		}
		open := b.Counts[narada.StatusPending] + b.Counts[narada.StatusInputRequired] + b.Counts[store.StatusUnknown]
		sent := batch.Restarted{Sent: b.Sent, Open: open}.Text()
		question := fmt.Sprintf("delete the batch %q? The next run sends all lines again; %s", name, sent)
		dir, err := inv.stateDir()
		if err = cmp.Or(err, confirm(ctx, inv, question, yes, "add --yes")); err != nil {
			return err
		}
		if err = batch.Delete(ctx, s, dir, name); is[*batch.TakenError](err) {
			return usage.Errorf("stop it first", "%v", err)
		}
		if err == nil {
			inv.log.Info("deleted", fmt.Sprintf("deleted the batch %s: %s; their tasks remain in narada history", name, sent), slog.Any("lines", b.Sent), slog.Any("open", open))
		}
		return err
	})
}
