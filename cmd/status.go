package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/assertion"
	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/history"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/signals"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/usage"
)

// lookupLimit is the time limit without --wait and --timeout.
const lookupLimit = time.Minute

type statusOptions struct {
	out        outputFlags
	wait       bool
	exitStatus bool
	last       bool
	open       bool
	schema     string
	noValidate bool
	assert     []string
	maxBody    int64
}

func newStatus(inv *invocation) *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:   "status ID...",
		Short: "Print the status of tasks, or wait for them",
		Long: `status prints the answers of finished tasks to stdout, in the order of the IDs,
and the status of the tasks to stderr. With -o json it prints all of it to stdout,
one object per line.

It exits with 0 if it could look up all tasks. With --wait it waits for the tasks
and, as with --exit-status, exits with the task's own code (narada help
exit-codes); for several tasks with the first that applies of 3, 9, 4 and 5.`,
		Example: `  # print the status
  narada status -o json --jq .status req_abc123def456

  # resume a wait that was interrupted
  narada status --wait req_abc123def456

  # wait for all unfinished tasks that this machine has dispatched
  narada status --wait --open`,
		Args: func(_ *cobra.Command, args []string) error { return o.checkTasks(args) },
		RunE: inv.withSettings(func(cmd *cobra.Command, args []string) error { return runStatus(cmd.Context(), inv, &o, args) }),
	}
	f := cmd.Flags()
	f.BoolVar(&o.wait, "wait", false, "wait until the tasks have finished")
	f.BoolVar(&o.exitStatus, "exit-status", false, "exit with the task's code, or 5 while it is pending")
	addLast(cmd, &o.last)
	f.BoolVar(&o.open, "open", false, "look up all unfinished tasks of the ledger (narada history)")
	f.StringVar(&o.schema, "schema", "", "check the answer's data against the JSON Schema in `FILE`, and print it")
	f.BoolVar(&o.noValidate, "no-validate", false, "do not check the answer against the schema")
	addAssert(cmd, &o.assert)
	o.out.add(cmd)
	addMaxBody(f, &o.maxBody, "answers")
	settingFlag(f, "timeout", config.Timeout, "stop waiting after this `DURATION` (default 20m; 1m without --wait)")
	addPollInterval(cmd)
	return cmd
}

// checkTasks checks that the tasks are named in one way.
func (o *statusOptions) checkTasks(args []string) error {
	err := cmp.Or(usage.Between("max-body", o.maxBody, 1, maxMaxBody), usage.OneWay(usage.Way{Name: "--open", Given: o.open}, usage.Way{Name: "--last", Given: o.last}, usage.Way{Name: "an ID", Given: len(args) > 0}))
	if err == nil && len(args) == 0 && !o.last && !o.open {
		err = usage.Errorf("list the tasks: narada history", "specify an ID, --last or --open")
	}
	if err == nil && len(o.assert) > 0 && !o.wait && !o.exitStatus {
		err = usage.Errorf("add --wait", "--assert requires --wait or --exit-status")
	}
	if err != nil {
		return err
	}
	for _, id := range args {
		if err := narada.CheckRequestID(id); err != nil {
			return usage.Errorf("a request ID looks like req_abc123def456; narada dispatch prints it", "%v", err)
		}
	}
	return nil
}

func runStatus(ctx context.Context, inv *invocation, o *statusOptions, ids []string) error {
	r, err := newResults(ctx, inv, o.out, o.schema, o.noValidate)
	if err != nil {
		return err
	}
	r.maxBody = o.maxBody
	if r.asserts, err = assertion.Parse(o.assert...); err != nil {
		return usage.Errorf("", "--assert: %v", err)
	}
	limit := inv.duration(config.Timeout)
	if !o.wait && inv.settings.Get(config.Timeout).Layer != config.LayerFlag {
		limit = lookupLimit
	}
	ctx, cancel := inv.deadline(ctx, limit) // of reading stdin, too
	defer cancel()
	if r.data = o.schema != ""; r.data {
		if _, r.schema, err = task.LoadSchema(o.schema, !o.noValidate, &inv.source); err != nil {
			return err
		}
	}
	c, err := inv.cloud(narada.WithMaxAnswer(o.maxBody))
	if err != nil {
		return err
	}
	kept, err := o.openLedger(ctx, inv)
	if err != nil {
		return err
	}
	defer inv.closeLedger(kept)
	if ids, err = o.tasks(ctx, inv, c, kept, ids); err != nil || len(ids) == 0 {
		return err
	}
	engine := await.New(engineOptions(inv, "status", c, kept))
	defer engine.Close()
	answers := engine.LookUp(ctx, ids...)
	if o.wait {
		label := "waiting for " + ids[0]
		if len(ids) > 1 {
			label += " and others"
		}
		defer inv.log.Wait("waiting", label)()
		answers = engine.Await(ctx, ids...)
	}
	worst := codeDone
	for answer, err := range answers {
		if code := o.report(ctx, r, answer.Result, err); worse(code, worst) {
			worst = code
		}
	}
	return exitWith(worst)
}

// openLedger opens the ledger if there is one. Only --last and --open require it.
func (o *statusOptions) openLedger(ctx context.Context, inv *invocation) (store.Ledger, error) {
	kept, err := inv.existingLedger(ctx)
	if err != nil && !o.last && !o.open && !sharesLedger(inv) {
		inv.warnOfLedger(err, "the task's progress is not stored")
		return nil, nil
	}
	return kept, err
}

// tasks returns the request IDs to look up.
func (o *statusOptions) tasks(ctx context.Context, inv *invocation, c *cloud, kept store.Ledger, ids []string) ([]string, error) {
	switch {
	case o.last:
		t, err := inv.lastTask(ctx, selector(kept))
		if err == nil && t.Cloud != "" && t.Cloud != c.baseURL.String() {
			err = usage.Errorf("--base-url "+t.Cloud, "--last: %s is a task of another API", taskName(t))
		}
		return []string{t.RequestID}, err
	case o.open:
		return openTasks(ctx, inv, c, selector(kept))
	}
	return usage.Unique(ids), nil
}

// openTasks returns the unfinished tasks of that API, the oldest first, and reports
// those that it cannot look up.
func openTasks(ctx context.Context, inv *invocation, c *cloud, s history.Selector) ([]string, error) {
	open, err := history.Open(ctx, s, c.baseURL.String())
	for _, t := range open.Unknown {
		inv.log.Warn("unknown", fmt.Sprintf("%s: it is not known whether this task was accepted, %s ago: %s",
			taskName(t), units.Age(inv.app.start.Sub(t.DispatchedAt)), output.Cut(term.OneLine(t.Prompt), 60)))
	}
	if len(open.Unknown) > 0 {
		inv.log.Hint("look in the cloud; narada history prune --open --older-than 1d removes such tasks")
	}
	if open.Elsewhere > 0 {
		inv.log.Info("open", fmt.Sprintf("%d more at other APIs: select one with --base-url or --profile", open.Elsewhere))
	}
	if err == nil && len(open.IDs) == 0 {
		inv.log.Info("open", "no unfinished tasks")
	}
	return open.IDs, err
}

// report prints what is known of one task, and returns the exit code.
func (o *statusOptions) report(ctx context.Context, r *results, result *narada.Result, err error) int {
	unfinished, ok := errors.AsType[*await.UnfinishedError](err)
	switch {
	case ok:
		err = o.unfinished(ctx, r, unfinished)
	case !result.Final():
		err = o.pending(r, result)
	default:
		err = r.print(result)
	}
	switch {
	case err == nil:
		return codeDone
	case errPipe(err):
		return codePipe
	case err.Error() != "":
		logError(r.inv, err)
	}
	code := exitCode(err)
	if !o.wait && !o.exitStatus && (code == codeFailed || code == codeMismatch || code == codeInput) {
		return codeDone // the lookup worked
	}
	return code
}

// unfinished words why the state of a task, or its answer, is not known.
func (o *statusOptions) unfinished(ctx context.Context, r *results, u *await.UnfinishedError) error {
	if broken := r.broken(u, outcomeRunning); broken != nil {
		return broken
	}
	switch ended := ctx.Err() != nil && errors.Is(u.Cause, context.Cause(ctx)); {
	case !ended:
		return &exitError{code: exitCode(u.Cause), text: shownID(u.ID) + ": " + errorText(u.Cause), next: ownHint(u.Cause)}
	case o.wait:
		return r.unfinished(u, outcomeRunning)
	case signals.Of(ctx) != nil:
		return &exitError{code: codeUnreachable, text: cause(u.Cause)}
	case u.Failure == nil:
		u.Failure = errors.New("no answer in time")
	}
	return &exitError{code: codeUnreachable, text: u.ID + ": " + errorText(u.Failure), next: "try again later"}
}

// pending prints a task that is running.
func (o *statusOptions) pending(r *results, result *narada.Result) error {
	line := statusLine(result)
	if !result.CreatedAt.IsZero() {
		line += fmt.Sprintf(", created %s ago", units.Round(max(time.Since(result.CreatedAt), 0)))
	}
	r.inv.log.Info("pending", line, resultFields(result)...)
	if result.Status == narada.StatusInputRequired && result.HumanInput != nil {
		r.inv.log.Warn("input-required", humanLine(result.RequestID, *result.HumanInput), requestField(result.RequestID))
	}
	if r.AsJSON {
		if err := r.JSON(result.Raw()); err != nil {
			return err
		}
	}
	if o.exitStatus {
		return exitWith(codeUnfinished)
	}
	return nil
}
