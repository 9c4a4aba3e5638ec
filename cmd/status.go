package cmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
)

// lookupLimit is the most time that asking how tasks stand may take, unless
// --timeout says another.
const lookupLimit = time.Minute

type statusOptions struct {
	out        outputFlags
	wait       bool
	exitStatus bool
	last       bool
	open       bool
	schema     string
	noValidate bool
}

func newStatus(inv *invocation) *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:   "status ID...",
		Short: "Ask how tasks stand, or wait for them",
		Long: `status prints the answers of tasks that have finished, in the order of the IDs:
the text on stdout, how the task stands on stderr, or with -o json all of it on
stdout, an object a line.

It exits with 0 when all could be looked up. With --wait it waits for the tasks
and, as with --exit-status, exits with the task's own code (narada help
exit-codes); for several with the first that applies of 3, 9, 4 and 5.`,
		Example: `  # how does it stand?
  narada status -o json --jq .status req_abc123def456

  # go on with a wait that was interrupted
  narada status --wait req_abc123def456

  # go on with all that this machine has dispatched and that has not finished
  narada status --wait --open`,
		Args: func(_ *cobra.Command, args []string) error { return o.checkTasks(args) },
		RunE: inv.withSettings(func(cmd *cobra.Command, args []string) error { return runStatus(cmd.Context(), inv, &o, args) }),
	}
	f := cmd.Flags()
	f.BoolVar(&o.wait, "wait", false, "wait until the tasks have finished")
	f.BoolVar(&o.exitStatus, "exit-status", false, "exit with the task's code, 5 while it is pending")
	addLast(cmd, &o.last)
	f.BoolVar(&o.open, "open", false, "all tasks of the ledger (narada history) that have not finished")
	f.StringVar(&o.schema, "schema", "", "print the structured data, and check it against the JSON Schema in `file`")
	f.BoolVar(&o.noValidate, "no-validate", false, "do not check the answer against the schema")
	o.out.add(cmd)
	settingFlag(f, "timeout", config.Timeout, "most `time` to wait (default 20m; 1m without --wait)")
	settingFlag(f, "poll-interval", config.PollInterval, "least `time` between two status calls for one task (default 3s)")
	return cmd
}

// checkTasks checks that the tasks are named in one way.
func (o *statusOptions) checkTasks(args []string) error {
	switch {
	case o.open && (o.last || len(args) > 0):
		return usageError("leave one of them out", "--open is several tasks, and another was named")
	case o.open:
		return nil
	case o.last || len(args) == 0:
		if err := oneTask(args, o.last); err != nil {
			return err
		}
	}
	for _, id := range args {
		if err := narada.CheckRequestID(id); err != nil {
			return usageError("it looks like req_abc123def456, and narada dispatch prints it", "%v", err)
		}
	}
	return nil
}

func runStatus(ctx context.Context, inv *invocation, o *statusOptions, ids []string) error {
	p, err := inv.printer(ctx, o.out)
	if err != nil {
		return err
	}
	want := expectation{check: !o.noValidate}
	if o.schema != "" {
		if _, want.schema, err = task.LoadSchema(o.schema, &inv.source); err != nil {
			return err
		}
	}
	c, err := inv.cloud()
	if err != nil {
		return err
	}
	limit := inv.duration(config.Timeout)
	if !o.wait && inv.settings.Get(config.Timeout).Layer != config.LayerFlag {
		limit = lookupLimit
	}
	ctx, cancel := inv.deadline(ctx, limit)
	defer cancel()

	kept, err := inv.ledgerForStatus(ctx, o.last || o.open)
	if err != nil {
		return err
	}
	defer inv.closeLedger(kept)
	if ids, err = o.tasks(ctx, inv, c, kept, ids); err != nil || len(ids) == 0 {
		return err
	}
	l := newLookup(ctx, inv, c, kept, ids, o.wait)
	defer l.close()
	worst := codeDone
	for _, id := range ids {
		code := inv.reportStatus(ctx, p, o, want, l.task(id))
		if worse(code, worst) {
			worst = code
		}
	}
	return silent(worst)
}

// ledgerForStatus opens the ledger if there is one; nil if not. Only where tasks
// are to come from it is it an error that it cannot be opened.
func (inv *invocation) ledgerForStatus(ctx context.Context, needed bool) (*sqlite.Store, error) {
	kept, err := inv.existingLedger(ctx)
	if err != nil && !needed {
		inv.warnOfLedger(err, "how the task goes on is not kept")
		return nil, nil
	}
	return kept, err
}

// tasks are the request IDs that are meant.
func (o *statusOptions) tasks(ctx context.Context, inv *invocation, c *cloud, kept *sqlite.Store, ids []string) ([]string, error) {
	switch {
	case o.last:
		t, err := inv.lastTask(ctx, kept)
		if err == nil && t.Cloud != "" && t.Cloud != c.baseURL.String() {
			err = usageError("--base-url "+t.Cloud, "--last: %s is a task of another API", taskName(t))
		}
		return []string{t.RequestID}, err
	case o.open:
		return inv.openTasks(ctx, c, kept)
	}
	return unique(ids), nil
}

// openTasks are the tasks that have not finished, the oldest first. Those that
// cannot be asked for are told of.
func (inv *invocation) openTasks(ctx context.Context, c *cloud, kept *sqlite.Store) (ids []string, err error) {
	elsewhere, unknown := 0, 0
	if kept != nil {
		err = kept.Tasks(ctx, store.Query{Open: true}, func(t store.Task) error {
			switch {
			case t.Cloud != "" && t.Cloud != c.baseURL.String():
				elsewhere++
			case t.RequestID == "":
				inv.talk.Warn("unknown", fmt.Sprintf("%s: it is not known whether this task was accepted, %s ago: %s",
					taskName(t), units.Age(inv.app.start.Sub(t.DispatchedAt)), cut(term.OneLine(t.Prompt), 60)))
				unknown++
			default:
				ids = append(ids, t.RequestID)
			}
			return nil
		})
	}
	if unknown > 0 {
		inv.talk.Hint("look in the cloud; narada history prune --open --older-than 1d takes such tasks out")
	}
	if elsewhere > 0 {
		inv.talk.Info("open", fmt.Sprintf("%d more at other APIs: --base-url or --profile names one", elsewhere))
	}
	if err == nil && len(ids) == 0 {
		inv.talk.Info("open", "no task is open")
	}
	slices.Reverse(ids)
	return ids, err
}

// reportStatus prints what comes of one lookup and returns the exit code.
func (inv *invocation) reportStatus(ctx context.Context, p *printer, o *statusOptions, want expectation, t *lookupTask) int {
	r, err := t.result()
	ended := err != nil && ctx.Err() != nil && errors.Is(err, context.Cause(ctx))
	switch {
	case ended && o.wait:
		if err = p.printUnfinished(t.id, t.claim.Last()); err == nil {
			err = &exitError{code: codeUnfinished,
				text: fmt.Sprintf("%s: %s goes on in the cloud", cause(context.Cause(ctx)), t.id),
				next: resume(t.id, inv.resumeWords(fateGoesOn, o.schema, o.noValidate, o.out)...)}
		}
	case ended && signalOf(ctx) != nil:
		err = &exitError{code: codeUnreachable, text: cause(err)}
	case ended:
		err = &exitError{code: codeUnreachable, text: t.id + ": " + t.failure(), next: "ask again later"}
	case err != nil:
		err = &exitError{code: exitCode(err), text: t.id + ": " + explain(err), next: hintOf(err)}
	case !r.Final():
		return inv.reportPending(p, o, r)
	default:
		err = inv.printResult(p, r, want)
	}
	switch {
	case err == nil:
		return codeDone
	case errPipe(err):
		return codePipe
	}
	inv.say(err)
	if code := exitCode(err); o.wait || o.exitStatus || !isTaskCode(code) {
		return code
	}
	return codeDone
}

// reportPending prints a task that goes on.
func (inv *invocation) reportPending(p *printer, o *statusOptions, r *narada.Result) int {
	line := statusLine(r)
	if !r.CreatedAt.IsZero() {
		line += fmt.Sprintf(", created %s ago", units.Round(max(time.Since(r.CreatedAt), 0)))
	}
	inv.talk.Info("pending", line, resultFields(r)...)
	if r.Status == narada.StatusInputRequired && r.HumanInput != nil {
		inv.talk.Warn("input-required", humanLine(r.RequestID, *r.HumanInput), slog.Any("requestId", r.RequestID))
	}
	if p.json {
		switch err := p.JSON(r.Raw()); {
		case errPipe(err):
			return codePipe
		case err != nil:
			inv.say(err)
			return codeUnexpected
		}
	}
	if o.exitStatus {
		return codeUnfinished
	}
	return codeDone
}

// say prints an error that does not end the command.
func (inv *invocation) say(err error) {
	inv.talk.Error("error", err.Error(), hintOf(err), exitField(exitCode(err))...)
}

// isTaskCode reports whether the code says how a task ended.
func isTaskCode(code int) bool {
	return code == codeFailed || code == codeMismatch || code == codeInput
}

// worse orders the codes of several tasks: what went wrong with the lookup
// first, then how the tasks stand.
func worse(a, b int) bool {
	order := []int{codeDone, codeUnfinished, codeInput, codeMismatch, codeFailed, codeRefused, codeUnreachable, codeUnauthorized, codeUnexpected}
	rank := func(code int) int {
		for i, c := range order {
			if c == code {
				return i
			}
		}
		return len(order)
	}
	return rank(a) > rank(b)
}

func unique(ids []string) []string {
	seen := map[string]bool{}
	var list []string
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			list = append(list, id)
		}
	}
	return list
}
