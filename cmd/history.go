package cmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/history"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
)

type historyOptions struct {
	out    outputFlags
	status string
	open   bool
	failed bool
	since  string
	grep   string
	limit  int
}

func newHistory(inv *invocation) *cobra.Command {
	var o historyOptions
	cmd := &cobra.Command{
		Use:   "history",
		Short: "What was dispatched and what came back",
		Long: `history lists the tasks in the ledger, the newest first: request ID, age, status,
how long it ran, how its answer came, and the prompt. A task that has no request
ID, since it was not accepted or nobody knows, has a number instead, as #12.

On a terminal it is a table; elsewhere a line has the same fields, with tabs
between them and the whole prompt; with -o json it is an object.

The statuses are those of the cloud, and two more: unknown, of a task that was
about to be sent and may have been, and refused, of one that was not accepted.`,
		Example: `  # what goes on, and going on with the wait for it
  narada history --open
  narada status --wait --open

  # the prompts that failed today
  narada history --status error --since 24h -o json --jq .prompt`,
		Args: subcommandOnly,
		RunE: inv.withSettings(func(cmd *cobra.Command, _ []string) error { return runHistory(cmd.Context(), inv, &o) }),
	}
	f := cmd.Flags()
	f.StringVar(&o.status, "status", "", "tasks with this `status` only")
	f.BoolVar(&o.open, "open", false, "tasks only that have not finished, as far as is known here")
	f.BoolVar(&o.failed, "failed", false, "tasks only of which a callback could not be passed on (narada listen --forward-to)")
	f.StringVar(&o.since, "since", "", "tasks only that were dispatched within this `time`, as 24h or 7d, or since a date")
	f.StringVar(&o.grep, "grep", "", "tasks only whose prompt or request ID matches the regular `expression`")
	f.IntVar(&o.limit, "limit", 30, "most `tasks` that are listed; 0 lists all")
	o.out.add(cmd)
	_ = cmd.RegisterFlagCompletionFunc("status", cobra.FixedCompletions(statusNames(), cobra.ShellCompDirectiveNoFileComp))
	cmd.AddCommand(newHistoryShow(inv), newHistoryPrune(inv))
	return cmd
}

// statusNames are those that a task can have in the ledger.
func statusNames() []string {
	return []string{string(narada.StatusPending), string(narada.StatusSuccess), string(narada.StatusError), string(narada.StatusInputRequired),
		string(store.StatusUnknown), string(store.StatusRefused)}
}

func runHistory(ctx context.Context, inv *invocation, o *historyOptions) error {
	p, err := inv.printer(ctx, o.out)
	if err != nil {
		return err
	}
	query, err := o.query(inv.app.start)
	if err != nil {
		return err
	}
	l, err := inv.existingLedger(ctx)
	if l == nil {
		return inv.nothingKept(err)
	}
	defer inv.closeLedger(l)
	count, err := listTasks(ctx, inv, p, l, query)
	if err != nil {
		return err
	}
	if count == 0 {
		inv.log.Info("history", "there are no such tasks")
	}
	if count == query.Limit {
		inv.log.Info("history", fmt.Sprintf("these are the newest %d: --limit 0 lists all", count))
	}
	failed, err := l.CountForwards(ctx, store.ForwardFailed, "", "")
	if err != nil {
		return err
	}
	if failed > 0 {
		inv.log.Info("history", fmt.Sprintf("%d callback%s could not be passed on: narada history --failed lists %s, narada replay --failed sends again what was for an endpoint",
			failed, plural(failed != 1), verb(failed, "its task", "their tasks")), slog.Any("failed", failed))
	}
	inv.log.Info("history", fmt.Sprintf("the ledger takes %s: narada history prune makes it smaller", units.Size(l.Size())), slog.Any("bytes", l.Size()))
	return nil
}

func (o *historyOptions) query(now time.Time) (q store.Query, err error) {
	q = store.Query{Status: narada.Status(o.status), Open: o.open, Failed: o.failed, Limit: o.limit}
	if o.limit < 0 {
		return q, usageError("", "--limit: %d is less than 0", o.limit)
	}
	if o.status != "" && !slices.Contains(statusNames(), o.status) {
		return q, usageError("", "--status: %q is not %s", o.status, strings.Join(statusNames(), ", "))
	}
	if o.since != "" {
		if q.Since, err = parseSince(o.since, now); err != nil {
			return q, usageError("", "--since: %v", err)
		}
	}
	if o.grep != "" {
		if q.Grep, err = regexp.Compile(o.grep); err != nil {
			return q, usageError("(?i)word finds it in any case of letters", "--grep: %v", err)
		}
	}
	return q, nil
}

// parseSince reads how long ago something was, as 24h or 7d, or a date.
func parseSince(text string, now time.Time) (time.Time, error) {
	if d, err := units.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a time, as 90m, 24h or 7d, nor a date, as 2026-01-31", text)
}

// taskLister is what lists tasks.
type taskLister interface {
	Tasks(ctx context.Context, q store.Query, yield func(store.Task) error) error
}

// listTasks prints the tasks, and returns how many there are.
func listTasks(ctx context.Context, inv *invocation, p *printer, l taskLister, q store.Query) (count int, err error) {
	if p.json {
		err = l.Tasks(ctx, q, func(t store.Task) error {
			count++
			return p.Value(history.NewTaskDocument(t))
		})
		return count, err
	}
	var rows [][]string
	err = l.Tasks(ctx, q, func(t store.Task) error {
		count++
		row := historyRow(t, inv.app.start)
		if inv.app.StdoutTerminal {
			rows = append(rows, row)
			return nil
		}
		return p.Text(strings.Join(row, "\t"))
	})
	if err != nil || len(rows) == 0 {
		return count, err
	}
	return count, p.Text(table(append([][]string{{"REQUEST ID", "AGE", "STATUS", "TIME", "ANSWER BY", "PROMPT"}}, rows...), inv.app.stdoutWidth()))
}

// historyRow is a task's line. What is not known is a dash.
func historyRow(t store.Task, now time.Time) []string {
	took := "-"
	if t.Took > 0 {
		took = units.Round(t.Took).String()
	}
	return []string{taskName(t), units.Age(now.Sub(t.DispatchedAt)), string(t.Status), took, answerBy(t), dash(term.OneLine(t.Prompt))}
}

// answerBy is how the answer came, and how it has been passed on when that is not done.
func answerBy(t store.Task) string {
	switch t.Forwarded {
	case store.ForwardFailed:
		return dash(t.Way) + ", not passed on"
	case store.ForwardWaiting:
		return dash(t.Way) + ", waits"
	}
	return dash(t.Way)
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// taskName is the request ID, or the number of a task without one.
func taskName(t store.Task) string { return term.OneLine(history.Name(t)) }

func table(rows [][]string, width int) string { return output.Table(rows, width) }

func cut(text string, width int) string { return output.Cut(text, width) }

// present is nil for "".
func present(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// namedTask finds the task that is called so: by its request ID, or by #NUMBER.
func (inv *invocation) namedTask(ctx context.Context, l history.Finder, name string) (store.Task, error) {
	t, err := history.Find(ctx, l, name)
	switch {
	case errors.Is(err, history.ErrBadNumber):
		err = usageError("", "%q is not the number of a task", name)
	case errors.Is(err, history.ErrNotFound):
		err = usageError("narada history lists the tasks", "%s is not in the ledger", name)
	}
	return t, err
}

var errNoTask = errors.New("no task has been kept yet")

// lastTask is the newest task that has a request ID, which --last means. A newer one
// that has none is told of.
func (inv *invocation) lastTask(ctx context.Context, l *sqlite.Store) (store.Task, error) {
	if l == nil {
		return store.Task{}, usageError("", "--last: %v", errNoTask)
	}
	t, ok, err := l.Newest(ctx)
	switch {
	case err != nil:
		return t, err
	case !ok:
		return t, usageError("", "--last: %v", errNoTask)
	}
	return t, l.Tasks(ctx, store.Query{Limit: 1}, func(newest store.Task) error {
		if newest.Number > t.Number && newest.Open() {
			inv.log.Warn("last", fmt.Sprintf("%s is newer, and its request ID is not known: --last is %s", taskName(newest), taskName(t)))
		}
		return nil
	})
}
