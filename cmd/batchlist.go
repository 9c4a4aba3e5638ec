package cmd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
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

// batchJSON is a batch as -o json prints it.
type batchJSON struct {
	Name    string                `json:"name"`
	BegunAt time.Time             `json:"begunAt"`
	Input   string                `json:"input"`
	BaseURL string                `json:"baseUrl"`
	Lines   int                   `json:"lines"`
	Sent    int                   `json:"sent"`
	Counts  map[narada.Status]int `json:"counts"`
}

func newBatchJSON(b store.Batch, t store.Tally) batchJSON {
	counts := map[narada.Status]int{}
	for status, n := range t {
		if status == "" {
			status = batch.StatusPruned
		}
		counts[status] = n
	}
	return batchJSON{Name: b.Name, BegunAt: b.BegunAt, Input: b.Input, BaseURL: b.Cloud, Lines: b.Lines, Sent: t.Sent(), Counts: counts}
}

func countsText(counts map[narada.Status]int) string {
	var list []string
	for _, status := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, fmt.Sprintf("%d %s", counts[status], status))
	}
	return strings.Join(list, ", ")
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
	err = l.Batches(ctx, func(b store.Batch, t store.Tally) error {
		j := newBatchJSON(b, t)
		if p.json {
			rows = append(rows, nil)
			return p.Value(j)
		}
		row := []string{b.Name, units.Age(inv.app.start.Sub(b.BegunAt)), fmt.Sprintf("%d/%d", j.Sent, j.Lines), dash(countsText(j.Counts)), term.OneLine(b.Input)}
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
		inv.talk.Info("batch", "there are no batches")
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
	_ = l.Batches(cmd.Context(), func(b store.Batch, _ store.Tally) error {
		names = append(names, b.Name)
		return nil
	})
	return names, cobra.ShellCompDirectiveNoFileComp
}

// namedBatch finds a batch.
func (inv *invocation) namedBatch(ctx context.Context, name string) (*sqlite.Store, store.Batch, error) {
	l, err := inv.existingLedger(ctx)
	if err != nil {
		return nil, store.Batch{}, err
	}
	none := usageError("narada batch list lists them", "there is no batch %q", name)
	if l == nil {
		return nil, store.Batch{}, none
	}
	b, ok, err := l.Batch(ctx, name)
	if err == nil && !ok {
		err = none
	}
	if err != nil {
		inv.closeLedger(l)
		return nil, b, err
	}
	return l, b, nil
}

// failedJSON is a line that did not succeed, as -o json prints it.
type failedJSON struct {
	Line      *int          `json:"line"`
	ID        *string       `json:"id"`
	Status    narada.Status `json:"status"`
	RequestID *string       `json:"requestId"`
	Error     *string       `json:"error"`
	Misfit    []string      `json:"misfit,omitempty"`
}

// keptOutcome is how a line came out, as the ledger has it, without its result.
func keptOutcome(i store.ItemTask) batch.Outcome {
	o := batch.Outcome{Line: batch.Line{Number: i.Line, ID: i.ID}, State: batchState(i)}
	if i.Line == store.GoneLine {
		o.Line.Number = 0
	}
	if o.Phase == batch.Finished {
		o.Misfit = o.Noted
	}
	return o
}

func runBatchShow(ctx context.Context, inv *invocation, out outputFlags, name string) error {
	p, err := inv.printer(ctx, out)
	if err != nil {
		return err
	}
	l, b, err := inv.namedBatch(ctx, name)
	if err != nil {
		return err
	}
	defer inv.closeLedger(l)
	var failed []failedJSON
	var lines []string
	err = l.EachItem(ctx, b.Number, func(i store.ItemTask) error {
		o := keptOutcome(i)
		if o.Succeeded() {
			return nil
		}
		failed = append(failed, failedJSON{placeOf(o.Line), present(o.ID), o.StatusName(), present(o.RequestID), present(o.Failure), o.Misfit})
		lines = append(lines, failedLine(o))
		return nil
	})
	if err != nil {
		return err
	}
	tally, err := l.Tally(ctx, b.Number)
	if err != nil {
		return err
	}
	j := newBatchJSON(b, tally)
	if p.json {
		return p.Value(struct {
			batchJSON
			NotSucceeded []failedJSON `json:"notSucceeded"`
		}{j, append([]failedJSON{}, failed...)})
	}
	var text strings.Builder
	fmt.Fprintf(&text, "batch   %s\nbegun   %s\ninput   %s\ncloud   %s\nsent    %d of %d lines: %s\n",
		b.Name, formatTime(b.BegunAt), term.OneLine(b.Input), b.Cloud, j.Sent, j.Lines, dash(countsText(j.Counts)))
	for _, line := range lines {
		text.WriteString(line + "\n")
	}
	return p.Text(text.String())
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
	l, b, err := inv.namedBatch(ctx, name)
	if err != nil {
		return err
	}
	defer inv.closeLedger(l)
	book := &batchBook{ledger: l, number: b.Number}
	open := 0
	err = l.EachItem(ctx, b.Number, func(i store.ItemTask) error {
		o := keptOutcome(i)
		switch o.Phase {
		case batch.New:
			return nil
		case batch.Running, batch.Unknown:
			open++
			return nil
		case batch.Finished:
			var err error
			if o.Result, err = book.Result(ctx, o.Task); err != nil {
				return err
			}
		}
		line, err := resultLine(o)
		if err != nil {
			return err
		}
		return p.JSON(line)
	})
	if errors.Is(err, context.Canceled) {
		err = context.Cause(ctx)
	}
	if open > 0 && err == nil {
		inv.talk.Info("batch", fmt.Sprintf("%d line%s %s not ended, as far as is known here", open, plural(open != 1), verb(open, "has", "have")))
	}
	return err
}
