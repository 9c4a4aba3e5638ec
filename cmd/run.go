package cmd

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/inbox"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/runner"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/webhook"
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
	plan, err := s.plan(&o.task, task.Callback{}, args)
	if err != nil {
		return err
	}
	if o.task.dryRun {
		s.talk.Info("dry-run", "nothing is sent; callbackUrl, callbackHeaders and callbackSecret are added when there is an endpoint")
		return s.dryRun(p, plan.Request)
	}
	ctx, cancel := s.deadline(ctx, s.duration(config.Timeout))
	defer cancel()
	endpoint, err := o.endpoint(s)
	if err != nil {
		return err
	}
	cloud, stop, err := o.cloud(ctx, s)
	if err != nil {
		return err
	}
	defer stop()
	if !cloud.sandbox {
		s.warn(plan.Warnings)
	}
	if err := o.checkLocal(endpoint, cloud); err != nil {
		return err
	}
	r := newRunning(s, cloud)
	defer r.close()
	if err := r.open(ctx, endpoint, o.via); err != nil {
		return err
	}
	answer, err := r.run(ctx, plan.Request)
	if err != nil {
		return s.unanswered(p, err, cloud, o.resume(s))
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
	for _, field := range o.task.fields {
		if isCallbackField(field) {
			return usageError("narada dispatch submits a task whose callback goes elsewhere", "--field %s: run makes a callback address of its own", fieldName(field))
		}
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

// resume is the command, without the ID, that goes on with the wait.
func (o *runOptions) resume(s *session) []string {
	words := []string{"narada", "status", "--wait"}
	add := func(flag, value string) {
		if value != "" {
			words = append(words, flag, shellQuote(value))
		}
	}
	add("--profile", s.profile)
	add("--base-url", s.baseURL)
	if o.task.schema != "-" {
		add("--schema", o.task.schema)
	}
	if o.task.noValidate {
		words = append(words, "--no-validate")
	}
	if o.out.format != "text" {
		add("-o", o.out.format)
	}
	add("--jq", o.out.jq)
	return words
}

// unanswered says how a task without an answer stands.
func (s *session) unanswered(p *printer, err error, c *cloud, resumeWords []string) error {
	unfinished, ok := errors.AsType[*runner.UnfinishedError](err)
	if !ok {
		return explainDispatch(err)
	}
	if unfinished.ID == "" {
		return &exitError{code: codeUnknown, err: err,
			text: cause(unfinished.Cause) + ": it is not known whether the task was accepted",
			next: "it may run in the cloud: look there before you run this again"}
	}
	if printErr := p.printUnfinished(unfinished.ID, unfinished.Last); printErr != nil {
		return printErr
	}
	e := &exitError{code: codeUnfinished, err: err,
		text: fmt.Sprintf("%s: %s goes on in the cloud, and there is no call that cancels it", cause(unfinished.Cause), unfinished.ID),
		next: resume(unfinished.ID, resumeWords...)}
	if c.sandbox {
		e.text, e.next = fmt.Sprintf("%s: %s ends with the sandbox", cause(unfinished.Cause), unfinished.ID), ""
	}
	return e
}

// cause words why a wait ended.
func cause(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return errTimeLimit.Error()
	}
	return err.Error()
}

// explainDispatch words an error of a dispatch for people.
func explainDispatch(err error) error {
	failure, ok := errors.AsType[*narada.DispatchError](err)
	if !ok {
		return err
	}
	e := &exitError{code: exitCode(err), text: explain(failure.Err), next: hintOf(err), err: err}
	if failure.Maybe {
		e.text = "it is not known whether the task was accepted: " + e.text
		e.next = "it may run in the cloud: look there before you run this again"
	}
	return e
}

// running is what a command needs while it waits for tasks, and closes after.
type running struct {
	s      *session
	desk   *runner.Desk
	poller *runner.Poller
	inbox  *inbox.Inbox // nil: polling alone
	runner *runner.Runner
	events sync.WaitGroup
	quit   chan struct{}
}

func newRunning(s *session, c *cloud) *running {
	interval := s.duration(config.PollInterval)
	r := &running{s: s, desk: runner.NewDesk(), quit: make(chan struct{})}
	r.poller = runner.NewPoller(runner.PollerOptions{
		Status: s.statusCall(c.client),
		Offer:  func(a runner.Answer) { r.desk.Offer(a) },
		Pace:   runner.PaceAlone(interval),
		Failed: r.pollFailed,
		// The cloud may take a moment to know the ID that it has just given out.
		Retry: func(err error) bool { return narada.Temporary(err) || runner.NotFound(err) },
	})
	r.runner = &runner.Runner{Dispatch: s.dispatchCall(c.client), Desk: r.desk, Poller: r.poller}
	return r
}

// open opens the endpoint, if there is to be one. Where polling can do the job,
// a failure is a line on stderr.
func (r *running) open(ctx context.Context, t *tunnel.Config, via string) error {
	if t == nil {
		return nil
	}
	limit := openLimitAuto
	if via == "callback" {
		limit = openLimit
	}
	e, err := r.s.openEndpoint(ctx, *t, limit)
	if failure, ok := errors.AsType[*tunnel.Error](err); ok && via != "callback" && ctx.Err() == nil {
		r.s.talk.Warn("endpoint", failure.Error()+"; polling does the job")
		return nil
	}
	if err != nil {
		return err
	}
	r.poller.SetPace(runner.PaceBeside(r.s.duration(config.PollInterval)))
	r.inbox = inbox.Open(e, inbox.Options{
		Sink: inbox.Once(webhook.SinkFunc(func(_ context.Context, d webhook.Delivery) error {
			r.desk.Offer(runner.Answer{Ticket: d.Ticket.Path, Result: d.Result, By: runner.ByCallback})
			return nil
		})),
		Random:  r.s.app.Random,
		Refused: r.s.refused,
	})
	r.events.Go(func() { r.follow(e.Events()) })
	return nil
}

// follow polls faster while the tunnel is gone.
func (r *running) follow(events <-chan tunnel.Event) {
	interval := r.s.duration(config.PollInterval)
	for {
		select {
		case <-r.quit:
			return
		case event, open := <-events:
			if !open {
				return
			}
			switch event.Kind {
			case tunnel.Lost:
				r.s.talk.Warn("tunnel-lost", "the tunnel is lost: polling until it is back")
			case tunnel.Stopped:
				r.s.talk.Warn("tunnel-stopped", eventText("the tunnel was stopped", event)+": polling does the job")
			case tunnel.Back:
				r.s.talk.Info("tunnel-back", "the tunnel is back")
				r.poller.SetPace(runner.PaceBeside(interval))
				continue
			}
			r.poller.SetPace(runner.PaceAlone(interval))
			r.poller.Hurry()
		}
	}
}

func eventText(text string, e tunnel.Event) string {
	if e.Err != nil {
		text += " (" + e.Err.Error() + ")"
	}
	return text
}

// run dispatches the request, with a ticket if there is an endpoint, and waits.
func (r *running) run(ctx context.Context, request *narada.Request) (runner.Answer, error) {
	t := runner.Task{Request: request}
	if r.inbox != nil {
		ticket, err := r.inbox.Issue()
		if err != nil {
			return runner.Answer{}, err
		}
		request.CallbackURL, request.CallbackSecret = r.inbox.URL(ticket), ticket.Secret
		request.CallbackHeaders = callbackHeaders(ticket)
		r.s.hideTicket(ticket)
		t.Ticket = ticket
	}
	o := &runObserver{talk: r.s.talk}
	defer o.stop()
	return r.runner.Run(ctx, t, o)
}

// pollFailed says once a row that status calls fail.
func (r *running) pollFailed(id string, err error, inARow int, gaveUp bool) {
	switch {
	case gaveUp && r.inbox == nil:
		r.desk.Fail(id, err)
	case gaveUp:
		r.s.talk.Warn("poll", "the status call was refused, so only a callback can tell: "+explain(err))
	case inARow == 3:
		r.s.talk.Warn("poll", "status calls fail, and go on: "+explain(err))
	default:
		r.s.talk.Detail("poll", "the status call failed: "+explain(err))
	}
}

func (r *running) close() {
	r.poller.Close()
	if r.inbox != nil {
		r.s.closeInbox(r.inbox)
	}
	close(r.quit)
	r.events.Wait()
}

// runObserver says what happens to a task.
type runObserver struct {
	talk    *term.Talk
	waiting func() // ends the spinner
}

// Accepted implements runner.Observer.
func (o *runObserver) Accepted(id string, by runner.Way) {
	text := id + " was accepted"
	if by == runner.ByCallback {
		text += ", says a callback"
	}
	o.stop()
	o.talk.Info("accepted", text, term.Field{Name: "requestId", Value: id})
	o.waiting = o.talk.Wait("waiting", "waiting for "+id)
}

// Resending implements runner.Observer.
func (o *runObserver) Resending(err error, in time.Duration) {
	o.talk.Warn("resending", fmt.Sprintf("the task was not accepted; again in %s: %s", in.Round(100*time.Millisecond), explain(err)))
}

// AnswerLost implements runner.Observer.
func (o *runObserver) AnswerLost(err error) {
	o.talk.Warn("answer-lost", "it is not known yet whether the task was accepted, so the callback is waited for: "+explain(err))
	o.stop()
	o.waiting = o.talk.Wait("waiting", "waiting for a callback")
}

// HumanAsked implements runner.Observer.
func (o *runObserver) HumanAsked(id string, input narada.HumanInput) {
	o.talk.Warn("input-required", humanLine(id, input), term.Field{Name: "requestId", Value: id}, term.Field{Name: "inputId", Value: input.InputID})
}

func (o *runObserver) stop() {
	if o.waiting != nil {
		o.waiting()
		o.waiting = nil
	}
}
