package cmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/session"
	"github.com/narada-cli/narada/pkg/store"
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
		Short: "Dispatch a task, wait for its answer, and print it",
		Long: `run submits the prompt, waits for the answer and prints it to stdout. Everything
else is printed to stderr. The exit code says how the task ended (narada help
exit-codes).

run opens an endpoint for the callback, if there is an ngrok authtoken or an
address of your own, and polls less often then. Otherwise it polls only. The first
final answer is printed. With --via listener it opens none: the callback goes to a
running narada listen, and the answer comes through the ledger.

Without PROMPT, or with -, the prompt is read from stdin.`,
		Example: `  # try it without an account
  narada run --sandbox "count the open issues of cli/cli"

  # run in your own browser window
  narada run --window ID "count the open issues of cli/cli"

  # get data that matches a JSON Schema
  narada run --schema jobs.schema.json "find three Go jobs" | jq '.[0].title'

  # read the prompt from a file, print the whole result as JSON
  narada run -o json --prompt-file prompt.txt`,
		RunE: inv.withSettings(func(cmd *cobra.Command, args []string) error { return runRun(cmd.Context(), inv, &o, args) }),
	}
	o.task.add(cmd)
	addAssert(cmd, &o.task.Assert)
	o.out.add(cmd)
	addWaiting(cmd)
	o.answer.add(cmd)
	return cmd
}

// addWaiting adds the flags of a command that waits for tasks.
func addWaiting(cmd *cobra.Command) {
	settingFlag(cmd.Flags(), "timeout", config.Timeout, "stop waiting after this `DURATION` from the start (default 20m)")
	addPollInterval(cmd)
}

func addPollInterval(cmd *cobra.Command) {
	settingFlag(cmd.Flags(), "poll-interval", config.PollInterval, "poll a task at most once per `DURATION` (default 3s)")
}

func runRun(ctx context.Context, inv *invocation, o *runOptions, args []string) error {
	out, err := newResults(ctx, inv, o.out, o.task.Schema, o.task.NoValidate)
	if err != nil {
		return err
	}
	if err := o.answer.check(inv); err != nil {
		return err
	}
	out.maxBody = o.answer.maxBody
	ctx, cancel := inv.deadline(ctx, inv.duration(config.Timeout)) // of reading stdin, too
	defer cancel()
	o.task.OwnCallback, o.task.AnyWindow = true, o.answer.sandbox
	plan, err := o.task.plan(inv, args)
	if err != nil {
		return err
	}
	if o.task.previews() {
		inv.warnOfTask(plan.Warnings)
		inv.log.Info("dry-run", "nothing is sent; callbackUrl, callbackHeaders and callbackSecret are added once the endpoint is open")
		return o.task.preview(inv, out.Printer, plan)
	}
	out.asserts, out.schema, out.data = plan.Asserts, plan.Schema, plan.Request.ResponseFormat != nil
	startSummary(inv)
	return o.run(ctx, inv, out, plan)
}

// run opens everything that the task needs, runs it, and prints its answer.
func (o *runOptions) run(ctx context.Context, inv *invocation, out *results, plan *task.Plan) error {
	c, stop, err := o.answer.cloud(ctx, inv)
	if err != nil {
		return err
	}
	defer stop()
	inv.warnOfTask(plan.Warnings)
	endpoint, err := o.answer.endpoint(inv, c)
	if err != nil {
		return err
	}
	var kept store.Ledger // the tasks of a sandbox are not kept
	if !o.answer.sandbox {
		if kept, err = openLedgerIfPossible(ctx, inv); err != nil {
			return err
		}
		defer inv.closeLedger(kept)
	}
	engine, closeEngine, err := openEngine(ctx, inv, engineOptions(inv, "run", c, kept), kept, endpoint, &o.answer)
	if err != nil {
		return err
	}
	defer closeEngine()
	if err := upload(ctx, inv, c, plan); err != nil {
		return err
	}
	answer, outcome, err := o.runTask(ctx, inv, sessions(inv, c, kept), engine, plan)
	if _, notKept := errors.AsType[*await.NotKeptError](err); notKept {
		return notSubmitted(inv, err)
	}
	if err != nil {
		return out.unfinished(err, outcome)
	}
	return out.print(answer.Result)
}

// waitingText says what a task waits for, with the event of its records.
func waitingText(p await.Progress) (event, label string) {
	switch p.Waiting {
	case await.ForAcceptance:
		return "submitting", "submitting the task"
	case await.ForCallback:
		return "waiting", "waiting for a callback"
	}
	return "waiting", "waiting for " + p.RequestID
}

// runTask runs the task, with --new-session in a new session. outcome says what happens
// to a task without an answer.
func (o *runOptions) runTask(ctx context.Context, inv *invocation, s *session.Sessions, engine *await.Engine, plan *task.Plan) (answer await.Answer, outcome string, err error) {
	run := func() error {
		defer inv.log.Follow(func() (event, label string) { return waitingText(engine.Progress()) })()
		_, listener := o.answer.listener()
		answer, err = engine.Run(ctx, await.Job{Request: plan.Request, Prompt: plan.Prompt, MustKeep: listener})
		return err
	}
	outcome = outcomeRunning
	if !o.task.NewSession {
		err = run()
	} else {
		// The session is stopped before anything is printed: a reader of stdout can be
		// slow.
		var stopped bool
		outcome = outcomeUnknown
		if stopped, err = inNewSession(ctx, inv, s, plan.Request, run); stopped {
			outcome = outcomeSession
		}
	}
	if o.answer.sandbox {
		outcome = outcomeSandbox
	}
	return answer, outcome, err
}
