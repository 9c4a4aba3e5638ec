package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/history"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/usage"
)

type historyOptions struct {
	out     outputFlags
	status  narada.Status
	open    bool
	failed  bool
	since   string
	grep    string
	limit   int
	refused bool
	samples bool
}

func newHistory(inv *invocation) *cobra.Command {
	var o historyOptions
	cmd := &cobra.Command{
		Use:   "history",
		Short: "List dispatched tasks and their answers",
		Long: `history lists the tasks in the ledger, the newest first: request ID, age, status,
duration, source of the answer, and prompt. A task without a request ID has a number
instead, as #12.

On a terminal it prints a table, with the machines that sent the tasks if there are
several; elsewhere it prints a line for each task, with tabs between the columns and
the whole prompt, or with -o json an object.

The statuses are those of the cloud, and two more: unknown (it is not known whether
the API accepted the task) and refused (the API did not accept it).

With --refused it lists the newest callbacks that listen refused: age, status code
and reason. Only those with the right header are recorded.`,
		Example: `  # what is still running, and wait for it
  narada history --open
  narada status --wait --open

  # the prompts that failed today
  narada history --status error --since 24h -o json --jq .prompt`,
		Args: usage.SubcommandOnly,
		RunE: inv.printing(&o.out, func(ctx context.Context, p *printer, _ []string) error { return runHistory(ctx, inv, p, &o) }),
	}
	f := cmd.Flags()
	f.Var(usage.Choice(&o.status, "", narada.StatusPending, narada.StatusSuccess, narada.StatusError, narada.StatusInputRequired, store.StatusUnknown, store.StatusRefused),
		"status", "list tasks with this `STATUS`")
	f.BoolVar(&o.open, "open", false, "list tasks that have not finished, according to the ledger")
	f.BoolVar(&o.failed, "failed", false, "list tasks with a callback that was not forwarded")
	f.BoolVar(&o.refused, "refused", false, "list the newest callbacks that listeners refused")
	f.BoolVar(&o.samples, "samples", false, "list the samples of narada trigger too")
	f.StringVar(&o.since, "since", "", "list tasks dispatched within this `DURATION` (24h, 7d), or since a date")
	f.StringVar(&o.grep, "grep", "", "list tasks whose prompt or request ID matches `REGEXP`")
	f.IntVar(&o.limit, "limit", 30, "list at most `N` tasks; 0 lists all")
	o.out.add(cmd)
	cmd.AddCommand(newHistoryShow(inv), newHistoryPrune(inv))
	return cmd
}

func runHistory(ctx context.Context, inv *invocation, p *printer, o *historyOptions) error {
	query, err := o.query(inv.app.start)
	if err != nil {
		return err
	}
	l, err := inv.existingLedger(ctx)
	if l == nil {
		return nothingKept(inv, "tasks", err)
	}
	defer inv.closeLedger(l)
	if o.refused {
		return listRefused(ctx, inv, p, l, query)
	}
	list := output.NewList(p, inv.app.stdoutWidth, "REQUEST ID", "AGE", "STATUS", "TIME", "ANSWER BY", "MACHINE", "PROMPT")
	list.Varying = 5
	err = l.Tasks(ctx, query, func(t store.Task) error {
		took := "-"
		if t.Took > 0 {
			took = units.Round(t.Took).String()
		}
		return list.Add(history.NewTaskDocument(t),
			taskName(t), units.Age(inv.app.start.Sub(t.DispatchedAt)), string(t.Status), took, answerBy(t), dash(term.OneLine(t.Machine)), dash(term.OneLine(t.Prompt)))
	})
	if err := list.Finish(err); err != nil {
		return err
	}
	switch list.Count {
	case 0:
		inv.log.Info("history", "no tasks match")
	case query.Limit:
		inv.log.Info("history", fmt.Sprintf("only the newest %d are listed; --limit 0 lists all", list.Count))
	}
	failed, err := l.CountForwards(ctx, store.ForwardFailed, "", "")
	if err != nil {
		return err
	}
	if failed > 0 {
		inv.log.Info("history", units.Count(failed, "callback")+" not forwarded: narada history --failed lists the tasks, narada replay --failed sends the callbacks again",
			slog.Any("failed", failed))
	}
	refused, err := history.RefusedSince(ctx, l, query.Since, 0)
	if err != nil {
		return err
	}
	if text := history.RefusedText(refused, inv.app.start); text != "" {
		inv.log.Info("history", term.OneLine(text)+"; narada history --refused lists them", slog.Any("refused", len(refused)))
	}
	return nil
}

// listRefused prints the callbacks that listeners refused.
func listRefused(ctx context.Context, inv *invocation, p *printer, l history.Refuser, query store.Query) error {
	refused, err := history.RefusedSince(ctx, l, query.Since, query.Limit)
	if err != nil {
		return err
	}
	list := output.NewList(p, inv.app.stdoutWidth, "AGE", "STATUS", "REASON")
	for _, r := range refused {
		if err := list.Add(history.NewRefusalDocument(r), units.Age(inv.app.start.Sub(r.ReceivedAt)), fmt.Sprint(r.StatusCode), term.OneLine(r.Reason)); err != nil {
			return err
		}
	}
	if list.Count == 0 {
		inv.log.Info("history", "no callbacks were refused at listeners")
	}
	return list.Finish(nil)
}

func (o *historyOptions) query(now time.Time) (q store.Query, err error) {
	q = store.Query{Status: o.status, Open: o.open, Failed: o.failed, Limit: o.limit, Samples: o.samples}
	if o.refused && (o.status != "" || o.open || o.failed || o.grep != "") {
		return q, usage.Errorf("", "--refused lists callbacks: use it without --status, --open, --failed and --grep")
	}
	if o.grep != "" {
		if q.Grep, err = regexp.Compile(o.grep); err != nil {
			return q, usage.Errorf("(?i)word ignores case", "--grep: %v", err)
		}
	}
	q.Since, err = usage.Time("since", o.since, now)
	return q, cmp.Or(err, usage.AtLeast("limit", o.limit, 0))
}

// answerBy says where the answer is from, and whether it is not forwarded yet.
func answerBy(t store.Task) string {
	switch t.Forwarded {
	case store.ForwardFailed:
		return dash(t.Way) + ", not forwarded"
	case store.ForwardWaiting:
		return dash(t.Way) + ", waiting"
	}
	return dash(t.Way)
}

// taskName is the request ID, or the number of a task without one.
func taskName(t store.Task) string { return term.OneLine(history.Name(t)) }

// namedTasks are the tasks with these names, a request ID or #NUMBER; without names, the
// newest task.
func namedTasks(ctx context.Context, inv *invocation, s history.Selector, names []string) ([]store.Task, error) {
	if len(names) == 0 {
		t, err := inv.lastTask(ctx, s)
		return []store.Task{t}, err
	}
	list, err := history.Named(ctx, s, usage.Unique(names))
	if name, ok := errors.AsType[*history.NameError](err); ok {
		err = usage.Errorf("list the tasks: narada history", "%v", name)
	}
	return list, err
}

// lastTask is the newest task that has a request ID, which --last means. It warns of a
// newer one without a request ID.
func (inv *invocation) lastTask(ctx context.Context, s history.Selector) (store.Task, error) {
	t, newer, err := history.Last(ctx, s)
	if errors.Is(err, history.ErrNoTasks) {
		err = usage.Errorf("", "--last: %v", err)
	}
	if newer != nil {
		inv.log.Warn("last", fmt.Sprintf("%s is newer, but its request ID is not known: --last is %s", taskName(*newer), taskName(t)))
	}
	return t, err
}
