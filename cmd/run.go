package cmd

import (
	"context"

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
		inv.talk.Info("dry-run", "nothing is sent; callbackUrl, callbackHeaders and callbackSecret are added when there is an endpoint")
		return o.task.preview(inv, p, plan)
	}
	ctx, cancel := inv.deadline(ctx, inv.duration(config.Timeout))
	defer cancel()
	cloud, stop, err := o.answer.cloud(ctx, inv)
	if err != nil {
		return err
	}
	defer stop()
	endpoint, err := o.answer.endpoint(inv)
	if err != nil {
		return err
	}
	if err := o.answer.checkLocal(endpoint, cloud); err != nil {
		return err
	}
	var kept *sqlite.Store // a sandbox's tasks go with it
	if !o.answer.sandbox {
		kept = inv.openLedgerIfPossible(ctx, sqlite.Options{})
		defer inv.closeLedger(kept)
	}
	r := newRunning(inv, cloud, kept)
	defer r.close()
	if err := r.open(ctx, endpoint, o.answer.via); err != nil {
		return err
	}
	if err := inv.upload(ctx, cloud, plan); err != nil {
		return err
	}
	return o.runTask(ctx, inv, p, cloud, r, plan)
}

// runTask runs the task, in a session of its own where that is asked for, and
// prints its answer.
func (o *runOptions) runTask(ctx context.Context, inv *invocation, p *printer, cloud *cloud, r *running, plan *task.Plan) (err error) {
	var answer await.Answer
	run := func() (err error) {
		answer, err = r.run(ctx, plan.Request, plan.Prompt)
		return err
	}
	fate := fateGoesOn
	if o.task.NewSession {
		// The session is stopped before anything is printed: a reader of stdout may
		// take its time.
		var stopped bool
		if stopped, err = inv.inNewSession(ctx, cloud, plan.Request, run); stopped {
			fate = fateSession
		} else {
			fate = fateMaybe
		}
	} else {
		err = run()
	}
	if o.answer.sandbox {
		fate = fateSandbox
	}
	if err != nil {
		return inv.unanswered(p, err, fate, inv.resumeWords(fate, o.task.Schema, o.task.noValidate, o.out))
	}
	return inv.printResult(p, answer.Result, expectation{plan.Schema, !o.task.noValidate})
}
