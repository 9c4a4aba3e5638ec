package cmd

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/task"
)

type runOptions struct {
	task   taskFlags
	out    outputFlags
	answer answerFlags
}

func newRun(inv *invocation) *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run PROMPT",
		Short: "Dispatch a task, wait for its answer, print it",
		Long: `run submits the prompt, waits for the answer and prints it: the answer on stdout,
all else on stderr, and an exit code that says how the task ended (narada help
exit-codes).

The answer comes by a callback where an endpoint for it can be opened (an ngrok
tunnel, when there is an authtoken, or an address of your own), and by polling
otherwise; with an endpoint the task is polled for too, only more seldom. The
first final answer wins.

Without PROMPT, or with -, the prompt is read from stdin.`,
		Example: `  # try it: no account, no network
  narada run --sandbox "count the open issues of cli/cli"

  # in a browser window of yours
  narada run --window ID "count the open issues of cli/cli"

  # data of a given form, for a script
  narada run --schema jobs.schema.json "find three Go jobs" | jq '.[0].title'

  # the prompt from a file, the whole result as JSON
  narada run -o json --prompt-file prompt.txt`,
		RunE: inv.withSettings(func(cmd *cobra.Command, args []string) error { return runRun(cmd.Context(), inv, &o, args) }),
	}
	o.task.add(cmd)
	o.out.add(cmd)
	addWaiting(cmd)
	o.answer.add(cmd)
	return cmd
}

// addWaiting adds the flags of a command that waits for tasks.
func addWaiting(cmd *cobra.Command) {
	settingFlag(cmd.Flags(), "timeout", config.Timeout, "most `time` from the start of the command to the answer (default 20m)")
	settingFlag(cmd.Flags(), "poll-interval", config.PollInterval, "least `time` between two status calls for one task (default 3s)")
}

func runRun(ctx context.Context, inv *invocation, o *runOptions, args []string) error {
	p, err := inv.printer(ctx, o.out)
	if err != nil {
		return err
	}
	if err := o.answer.check(); err != nil {
		return err
	}
	o.task.OwnCallback, o.task.AnyWindow = true, o.answer.sandbox
	plan, err := o.task.plan(inv, args)
	if err != nil {
		return err
	}
	inv.warn(plan.Warnings)
	if o.task.previews() {
		inv.log.Info("dry-run", "nothing is sent; callbackUrl, callbackHeaders and callbackSecret are added when there is an endpoint")
		return o.task.preview(inv, p, plan)
	}
	ctx, cancel := inv.deadline(ctx, inv.duration(config.Timeout))
	defer cancel()
	r := &taskRun{spinner: &spinner{inv.log, func() {}}}
	defer r.close()
	if err := o.open(ctx, inv, r); err != nil {
		return err
	}
	if err := upload(ctx, inv, r.cloud, plan); err != nil {
		return err
	}
	answer, fate, err := o.runTask(ctx, inv, r, plan)
	if err != nil {
		return noAnswer(inv, p, err, fate, resumeLine(inv, fate, o.task.Schema, o.task.NoValidate, o.out))
	}
	return inv.printResult(p, answer.Result, expectation{plan.Schema, plan.Request.ResponseFormat != nil})
}

// taskRun is what a task is run with.
type taskRun struct {
	cloud   *cloud
	engine  *await.Engine
	spinner *spinner
	closers []func()
}

// close closes what is open, the newest first.
func (r *taskRun) close() {
	for _, closer := range slices.Backward(r.closers) {
		closer()
	}
}

// open opens what the task is run with.
func (o *runOptions) open(ctx context.Context, inv *invocation, r *taskRun) (err error) {
	var stop func()
	if r.cloud, stop, err = o.answer.cloud(ctx, inv); err != nil {
		return err
	}
	r.closers = append(r.closers, stop)
	endpoint, err := o.answer.endpoint(inv, r.cloud)
	if err != nil {
		return err
	}
	var kept *sqlite.Store // a sandbox's tasks go with it
	if !o.answer.sandbox {
		kept = inv.openLedgerIfPossible(ctx, sqlite.Options{})
		r.closers = append(r.closers, func() { inv.closeLedger(kept) })
	}
	options := engineOptions(inv, "run", r.cloud, kept)
	options.Report = r.spinner.wrap(options.Report)
	if r.engine, stop, err = openEngine(ctx, inv, options, kept, endpoint, o.answer.via); err == nil {
		r.closers = append(r.closers, stop)
	}
	return err
}

// runTask runs the task, in a session of its own where that is asked for, and says
// what becomes of one that has no answer.
func (o *runOptions) runTask(ctx context.Context, inv *invocation, r *taskRun, plan *task.Plan) (answer await.Answer, fate string, err error) {
	run := func() error {
		r.spinner.show("submitting", "submitting the task")
		defer r.spinner.hide()
		answer, err = r.engine.Run(ctx, await.Job{Request: plan.Request, Prompt: plan.Prompt})
		return err
	}
	fate = fateGoesOn
	if !o.task.NewSession {
		err = run()
	} else {
		// The session is stopped before anything is printed: a reader of stdout may
		// take its time.
		var stopped bool
		if stopped, err = inNewSession(ctx, inv, r.cloud, plan.Request, run); stopped {
			fate = fateSession
		} else {
			fate = fateMaybe
		}
	}
	if o.answer.sandbox {
		fate = fateSandbox
	}
	return answer, fate, err
}
