package cmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/await"
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
	want := expectation{asked: o.schema != ""}
	if want.asked {
		if _, want.schema, err = task.LoadSchema(o.schema, !o.noValidate, &inv.source); err != nil {
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

	kept, err := openLedgerIfAny(ctx, inv, o.last || o.open)
	if err != nil {
		return err
	}
	defer inv.closeLedger(kept)
	if ids, err = o.tasks(ctx, inv, c, kept, ids); err != nil || len(ids) == 0 {
		return err
	}
	engine := await.New(engineOptions(inv, "status", c, kept))
	defer engine.Close()
	r := &statusReport{inv: inv, p: p, o: o, want: want}
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
		if code := r.say(ctx, answer.Result, err); worse(code, worst) {
			worst = code
		}
	}
	return silent(worst)
}

// openLedgerIfAny opens the ledger if there is one; nil if not. Only where tasks
// are to come from it is it an error that it cannot be opened.
func openLedgerIfAny(ctx context.Context, inv *invocation, needed bool) (*sqlite.Store, error) {
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
		return openTasks(ctx, inv, c, kept)
	}
	return unique(ids), nil
}

// openTasks are the tasks that have not finished, the oldest first. Those that
// cannot be asked for are told of.
func openTasks(ctx context.Context, inv *invocation, c *cloud, kept *sqlite.Store) (ids []string, err error) {
	elsewhere, unknown := 0, 0
	if kept != nil {
		err = kept.Tasks(ctx, store.Query{Open: true}, func(t store.Task) error {
			switch {
			case t.Cloud != "" && t.Cloud != c.baseURL.String():
				elsewhere++
			case t.RequestID == "":
				inv.log.Warn("unknown", fmt.Sprintf("%s: it is not known whether this task was accepted, %s ago: %s",
					taskName(t), units.Age(inv.app.start.Sub(t.DispatchedAt)), cut(term.OneLine(t.Prompt), 60)))
				unknown++
			default:
				ids = append(ids, t.RequestID)
			}
			return nil
		})
	}
	if unknown > 0 {
		inv.log.Hint("look in the cloud; narada history prune --open --older-than 1d takes such tasks out")
	}
	if elsewhere > 0 {
		inv.log.Info("open", fmt.Sprintf("%d more at other APIs: --base-url or --profile names one", elsewhere))
	}
	if err == nil && len(ids) == 0 {
		inv.log.Info("open", "no task is open")
	}
	slices.Reverse(ids)
	return ids, err
}

// statusReport says how tasks stand.
type statusReport struct {
	inv  *invocation
	p    *printer
	o    *statusOptions
	want expectation
}

// say prints what is known of one task, and returns the exit code.
func (s *statusReport) say(ctx context.Context, r *narada.Result, err error) int {
	unfinished, ok := errors.AsType[*await.UnfinishedError](err)
	switch {
	case ok:
		err = s.unfinished(ctx, unfinished)
	case !r.Final():
		err = s.pending(r)
	default:
		err = s.inv.printResult(s.p, r, s.want)
	}
	switch {
	case err == nil:
		return codeDone
	case errPipe(err):
		return codePipe
	case err.Error() != "":
		sayError(s.inv, err)
	}
	if code := exitCode(err); s.o.wait || s.o.exitStatus || !isTaskCode(code) {
		return code
	}
	return codeDone
}

// unfinished words why nothing is known of a task, or not its end.
func (s *statusReport) unfinished(ctx context.Context, u *await.UnfinishedError) error {
	switch ended := ctx.Err() != nil && errors.Is(u.Cause, context.Cause(ctx)); {
	case !ended:
		return &exitError{code: exitCode(u.Cause), text: u.ID + ": " + explain(u.Cause), next: hintOf(u.Cause)}
	case s.o.wait:
		return noAnswer(s.inv, s.p, u, "goes on in the cloud", resumeLine(s.inv, fateGoesOn, s.o.schema, s.o.noValidate, s.o.out))
	case signalOf(ctx) != nil:
		return &exitError{code: codeUnreachable, text: cause(u.Cause)}
	case u.Failure == nil:
		u.Failure = errors.New("no answer in time")
	}
	return &exitError{code: codeUnreachable, text: u.ID + ": " + explain(u.Failure), next: "ask again later"}
}

// pending prints a task that goes on.
func (s *statusReport) pending(r *narada.Result) error {
	line := statusLine(r)
	if !r.CreatedAt.IsZero() {
		line += fmt.Sprintf(", created %s ago", units.Round(max(time.Since(r.CreatedAt), 0)))
	}
	s.inv.log.Info("pending", line, resultFields(r)...)
	if r.Status == narada.StatusInputRequired && r.HumanInput != nil {
		s.inv.log.Warn("input-required", humanLine(r.RequestID, *r.HumanInput), slog.Any("requestId", r.RequestID))
	}
	if s.p.json {
		if err := s.p.JSON(r.Raw()); err != nil {
			return err
		}
	}
	if s.o.exitStatus {
		return silent(codeUnfinished)
	}
	return nil
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
