package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/inbox"
	"github.com/narada-cli/narada/pkg/ledger"
	"github.com/narada-cli/narada/pkg/runner"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/tunnel"
)

type runOptions struct {
	task    taskFlags
	out     outputFlags
	catch   catchFlags
	via     string
	sandbox bool
	rules   string
}

func newRun(s *session) *cobra.Command {
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
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := s.load(cmd); err != nil {
				return err
			}
			return runRun(cmd.Context(), s, &o, args)
		},
	}
	o.task.add(cmd)
	o.out.add(cmd)
	addWaiting(cmd)
	cmd.Flags().StringVar(&o.via, "via", "auto", "`way` that the answer comes: auto, callback or poll")
	o.catch.add(cmd)
	cmd.Flags().BoolVar(&o.sandbox, "sandbox", false, "run against a local stand-in for the cloud: no account, no network")
	cmd.Flags().StringVar(&o.rules, "rules", "", "rules `file` of the sandbox")
	_ = cmd.RegisterFlagCompletionFunc("via", cobra.FixedCompletions([]string{"auto", "callback", "poll"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// addWaiting adds the flags of a command that waits for tasks.
func addWaiting(cmd *cobra.Command) {
	cmd.Flags().String("timeout", "", "most `time` from the start of the command to the answer (default 20m)")
	cmd.Flags().String("poll-interval", "", "least `time` between two status calls for one task (default 3s)")
}

func runRun(ctx context.Context, s *session, o *runOptions, args []string) error {
	p, err := s.printer(ctx, o.out)
	if err != nil {
		return err
	}
	if err := o.check(s); err != nil {
		return err
	}
	plan, err := s.plan(&o.task, task.Spec{OwnCallback: true, AnyWindow: o.sandbox}, args)
	if err != nil {
		return err
	}
	s.warn(plan.Warnings)
	if o.task.previews() {
		s.talk.Info("dry-run", "nothing is sent; callbackUrl, callbackHeaders and callbackSecret are added when there is an endpoint")
		return s.preview(p, &o.task, plan)
	}
	ctx, cancel := s.deadline(ctx, s.duration(config.Timeout))
	defer cancel()
	cloud, stop, err := o.cloud(ctx, s)
	if err != nil {
		return err
	}
	defer stop()
	endpoint, err := o.endpoint(s)
	if err != nil {
		return err
	}
	if err := o.checkLocal(endpoint, cloud); err != nil {
		return err
	}
	var kept *ledger.Ledger // a sandbox's tasks go with it
	if !o.sandbox {
		kept = s.openLedgerIfPossible(ctx, ledger.Options{})
		defer s.closeLedger(kept)
	}
	r := newRunning(s, cloud, kept)
	defer r.close()
	if err := r.open(ctx, endpoint, o.via); err != nil {
		return err
	}
	if err := s.upload(ctx, cloud, plan); err != nil {
		return err
	}
	return o.runTask(ctx, s, p, cloud, r, plan)
}

// runTask runs the task, in a session of its own where that is asked for, and
// prints its answer.
func (o *runOptions) runTask(ctx context.Context, s *session, p *printer, cloud *cloud, r *running, plan *task.Plan) (err error) {
	var answer runner.Answer
	run := func() (err error) {
		answer, err = r.run(ctx, plan.Request, plan.Prompt)
		return err
	}
	fate := fateGoesOn
	if o.task.newSession {
		// The session is stopped before anything is printed: a reader of stdout may
		// take its time.
		var stopped bool
		if stopped, err = s.inNewSession(ctx, cloud, plan.Request, run); stopped {
			fate = fateSession
		} else {
			fate = fateMaybe
		}
	} else {
		err = run()
	}
	if o.sandbox {
		fate = fateSandbox
	}
	if err != nil {
		return s.unanswered(p, err, fate, s.resumeWords(fate, o.task.schema, o.task.noValidate, o.out))
	}
	return s.printResult(p, answer.Result, expectation{plan.Schema, !o.task.noValidate})
}

// check finds flags that do not go together.
func (o *runOptions) check(s *session) error {
	switch {
	case o.via != "auto" && o.via != "callback" && o.via != "poll":
		return usageError("", "--via: %q is not auto, callback or poll", o.via)
	case o.via == "poll" && o.catch.own():
		return usageError("leave one of them out", "--via poll opens no endpoint, and an address for one was given")
	case o.rules != "" && !o.sandbox:
		return usageError("add --sandbox", "--rules is for the sandbox")
	}
	return nil
}

// endpoint says how to open an endpoint, nil for not at all.
func (o *runOptions) endpoint(s *session) (*tunnel.Config, error) {
	switch {
	case o.via == "poll":
		return nil, nil
	case o.sandbox && !o.catch.own():
		return &tunnel.Config{Loopback: true, PathPrefix: inbox.Prefix}, nil
	}
	t, ok, err := s.endpointConfig(&o.catch, o.via == "callback")
	switch {
	case err != nil:
		return nil, err
	case ok:
		return &t, nil
	case o.via == "callback":
		return nil, &exitError{code: codeEndpoint, text: "there is no way to open a callback endpoint: no ngrok authtoken",
			next: "set NGROK_AUTHTOKEN, or give an address of your own: --public-url URL --addr HOST:PORT"}
	}
	s.talk.Info("polling", fmt.Sprintf("no ngrok authtoken, so no callback endpoint: polling every %s", s.duration(config.PollInterval)))
	return nil, nil
}

// cloud returns the API to run against: the sandbox, or the one of the settings.
func (o *runOptions) cloud(ctx context.Context, s *session) (*cloud, func(), error) {
	if o.sandbox {
		return s.startSandbox(ctx, o.rules)
	}
	c, err := s.cloud()
	return c, func() {}, err
}

// checkLocal refuses a loopback callback address for an API that is not here.
func (o *runOptions) checkLocal(endpoint *tunnel.Config, c *cloud) error {
	if endpoint != nil && endpoint.Loopback && c.baseURL.Scheme == "https" {
		return usageError("leave --local out, or use --sandbox", "--local: %s cannot reach an address of this machine", c.baseURL.Host)
	}
	return nil
}
