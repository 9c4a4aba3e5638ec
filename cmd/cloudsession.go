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
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
)

// newCloudSession is narada session. What the code calls a session is a command's
// run; a cloud browser session is called so in full.
func newCloudSession(inv *invocation) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "session",
		Short: "Cloud browser sessions: start, stop, downloads",
		Long: `A cloud browser session is a browser in the cloud that several tasks can run in,
one after another. It costs until it is stopped or its timeout has passed.

For one task, narada run --new-session starts a session and stops it after.`,
		Args: subcommandOnly,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSessionStart(inv), newSessionStop(inv), newSessionDownloads(inv))
	return cmd
}

type sessionStartOptions struct {
	out     outputFlags
	name    string
	timeout time.Duration
}

func newSessionStart(inv *invocation) *cobra.Command {
	var o sessionStartOptions
	cmd := &cobra.Command{
		Use:   "start",
		Short: "Start a cloud browser session and print its ID",
		Long: `start starts a cloud browser session, which can take three minutes, and prints
its ID and the ID of its browser window, with a tab between them; with -o json
all that the cloud says of it.

An interrupted start waits up to 30 s for the session that is on its way, and
stops it.`,
		Example: `  # start one, run two tasks in it, stop it
  narada session start -o json --name nightly --session-timeout 30m > session.json || exit
  session=$(jq -r .session_id session.json) window=$(jq -r '.browser_window_id // empty' session.json)
  narada run --cloud-session "$session" ${window:+--window "$window"} "log in to example.com"
  narada run --cloud-session "$session" ${window:+--window "$window"} "download the report"
  narada session stop "$session"`,
		Args: noArgs,
		RunE: inv.withSettings(func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("session-timeout") && o.timeout <= 0 {
				return usageError("", "--session-timeout: %s is not more than 0", o.timeout)
			}
			return runSessionStart(cmd.Context(), inv, &o)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&o.name, "name", "", "`name` of the session")
	f.Var(units.DurationFlag(&o.timeout, 0), "session-timeout", "`time` after which the cloud ends the session (default as the cloud has it)")
	o.out.add(cmd)
	settingFlag(f, "timeout", config.Timeout, "most `time` for starting (default 20m)")
	return cmd
}

func runSessionStart(ctx context.Context, inv *invocation, o *sessionStartOptions) error {
	p, err := inv.printer(ctx, o.out)
	if err != nil {
		return err
	}
	c, err := inv.cloud()
	if err != nil {
		return err
	}
	ctx, cancel := inv.deadline(ctx, inv.duration(config.Timeout))
	defer cancel()
	started, err := inv.startSession(ctx, c, narada.SessionRequest{Name: o.name, Timeout: o.timeout})
	if err != nil {
		return err
	}
	inv.talk.Info("session-started", started.ID+" was started; narada session stop ends it", sessionField(started.ID))
	if p.json {
		err = p.JSON(started.Raw())
	} else {
		err = p.Text(started.ID + "\t" + started.BrowserWindowID)
	}
	if err != nil { // nobody has learned the ID
		inv.endSession(ctx, c, started.ID, narada.SessionFailed)
	}
	return err
}

type sessionStopOptions struct{ status string }

// sessionStatuses are those that a session can be stopped with.
func sessionStatuses() []string {
	return []string{string(narada.SessionComplete), string(narada.SessionTerminated), string(narada.SessionFailed), string(narada.SessionTimedOut)}
}

func newSessionStop(inv *invocation) *cobra.Command {
	var o sessionStopOptions
	cmd := &cobra.Command{
		Use:   "stop ID...",
		Short: "Stop cloud browser sessions",
		Long: `stop ends cloud browser sessions. A task that runs in one ends with it. A session
that has ended already is exit 11.`,
		Example: `  narada session stop 3e143f82-e505-4b24-b9b5-d940f9c13d7a
  narada session stop --status failed "$session"`,
		Args: sessionIDs(1),
		RunE: inv.withSettings(func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(sessionStatuses(), o.status) {
				return usageError("", "--status: %q is not complete, terminated, failed or timed_out", o.status)
			}
			return runSessionStop(cmd.Context(), inv, &o, args)
		}),
	}
	cmd.Flags().StringVar(&o.status, "status", string(narada.SessionComplete), "`how` it ended: complete, terminated, failed or timed_out")
	_ = cmd.RegisterFlagCompletionFunc("status", cobra.FixedCompletions(sessionStatuses(), cobra.ShellCompDirectiveNoFileComp))
	settingFlag(cmd.Flags(), "timeout", config.Timeout, "most `time` for stopping (default 20m)")
	return cmd
}

// sessionIDs checks the arguments of a command that takes session IDs, least of
// them at the least; 0 is exactly one.
func sessionIDs(least int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return usageError(cmd.CommandPath()+" --help", "no session ID")
		case least == 0 && len(args) > 1:
			return usageError("", "one session ID is wanted, and here are %d arguments", len(args))
		}
		for _, id := range args {
			if err := narada.CheckSessionID(id); err != nil {
				return usageError("narada session start prints it", "%v", err)
			}
		}
		return nil
	}
}

func runSessionStop(ctx context.Context, inv *invocation, o *sessionStopOptions, ids []string) error {
	c, err := inv.cloud()
	if err != nil {
		return err
	}
	ctx, cancel := inv.deadline(ctx, inv.duration(config.Timeout))
	defer cancel()
	worst := codeDone
	for _, id := range unique(ids) {
		if err := inv.stopSession(ctx, c, id, narada.SessionStatus(o.status)); err != nil {
			err = inv.failed(ctx, id, err)
			inv.say(err)
			if code := exitCode(err); worse(code, worst) {
				worst = code
			}
			continue
		}
		inv.talk.Info("session-stopped", id+" was stopped", sessionField(id))
	}
	return silent(worst)
}

// stopSession stops a session, again where that may help: stopping twice does no
// harm. One that has ended when it is asked again was stopped by a call whose
// answer was lost.
func (inv *invocation) stopSession(ctx context.Context, c *cloud, id string, status narada.SessionStatus) error {
	calls := 0
	err := await.Retry(ctx, func(ctx context.Context) error {
		calls++
		return c.client.StopSession(ctx, id, status)
	}, narada.Temporary, inv.again("session", id+" was not stopped"))
	if calls > 1 && errors.Is(err, narada.ErrNotStopped) {
		return nil
	}
	return err
}

func sessionField(id string) slog.Attr { return slog.Any("sessionId", id) }

// The time that a session which nobody will use has to come, and then to be
// stopped.
const (
	startGrace = 30 * time.Second
	stopLimit  = 20 * time.Second
)

// startSession starts a session. When ctx ends while it is on its way, it is
// waited for a while and stopped: nobody would know its ID.
func (inv *invocation) startSession(ctx context.Context, c *cloud, r narada.SessionRequest) (*narada.Session, error) {
	waiting := inv.talk.Wait("session", "starting a cloud browser session")
	defer waiting()
	var started *narada.Session
	err := await.Retry(ctx, func(ctx context.Context) error {
		return await.SeeThrough(ctx, startGrace, func() {
			inv.talk.Warn("session", cause(context.Cause(ctx))+": the session that is being started is waited for, to stop it")
		}, func(ctx context.Context) (err error) {
			started, err = c.client.StartSession(ctx, r)
			return err
		})
	}, sessionRetryable, inv.again("session", "no session was started"))
	switch {
	case err != nil:
		return nil, notStarted(ctx, err)
	case ctx.Err() == nil:
		return started, nil
	case inv.endSession(ctx, c, started.ID, endingStatus(ctx, nil)):
		return nil, &exitError{code: codeUnreachable, text: cause(context.Cause(ctx)) + ": no session is left running"}
	}
	return nil, &exitError{code: codeUnknown, text: cause(context.Cause(ctx)) + ": the session may still run"}
}

func sessionRetryable(err error) bool {
	failure, ok := errors.AsType[*narada.SessionError](err)
	return ok && failure.Retryable()
}

// notStarted words why there is no session.
func notStarted(ctx context.Context, err error) error {
	failure, ok := errors.AsType[*narada.SessionError](err)
	text := explain(err)
	if ctx.Err() != nil {
		text = cause(context.Cause(ctx))
	}
	if ok && failure.Maybe {
		return &exitError{code: codeUnknown, err: err, text: "it is not known whether a session was started: " + text,
			next: "one that was started costs until its own timeout: look in the cloud before you run this again"}
	}
	e := &exitError{code: exitCode(err), err: err, text: "no session was started: " + text, next: hintOf(err)}
	switch {
	case ctx.Err() != nil:
		e.code, e.next = codeUnreachable, ""
	case e.code == codeUnreachable:
		e.next = "it is safe to run this again"
	}
	return e
}

// inNewSession starts a session, has run use it for the request, and stops it
// whatever comes of that; stopped says whether that worked.
func (inv *invocation) inNewSession(ctx context.Context, c *cloud, request *narada.Request, run func() error) (stopped bool, err error) {
	started, err := inv.startSession(ctx, c, narada.SessionRequest{})
	if err != nil {
		return true, err
	}
	inv.talk.Info("session-started", "the cloud browser session "+started.ID+" was started", sessionField(started.ID))
	request.CloudBrowserSessionID, request.BrowserWindowID = started.ID, started.BrowserWindowID
	returned := false
	defer func() {
		status := narada.SessionFailed // run has panicked
		if returned {
			status = endingStatus(ctx, err)
		}
		stopped = inv.endSession(ctx, c, started.ID, status)
	}()
	err = run()
	returned = true
	return false, err
}

// endingStatus is how a session ended in which a task was run, or was not for
// err.
func endingStatus(ctx context.Context, err error) narada.SessionStatus {
	switch {
	case signalOf(ctx) != nil:
		return narada.SessionTerminated
	case ctx.Err() != nil:
		return narada.SessionTimedOut
	case err == nil:
		return narada.SessionComplete
	}
	return narada.SessionFailed
}

// endSession stops a session after its command: ctx may have ended. It reports
// whether the session runs no more.
func (inv *invocation) endSession(ctx context.Context, c *cloud, id string, status narada.SessionStatus) bool {
	stop := resume(id, inv.words("session", "stop")...)
	if signalOf(ctx) != nil { // a second signal leaves at once
		inv.talk.Error("session", cause(context.Cause(ctx))+": the cloud browser session "+id+" is being stopped", "if that is cut short: "+stop, sessionField(id))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	switch err := inv.stopSession(ctx, c, id, status); {
	case err == nil:
		inv.talk.Info("session-stopped", "the cloud browser session "+id+" was stopped", sessionField(id))
	case errors.Is(err, narada.ErrNotStopped):
		inv.talk.Info("session-stopped", fmt.Sprintf("the cloud browser session %s had ended (%s)", id, term.OneLine(err.Error())), sessionField(id))
	default:
		inv.talk.Error("session", "the cloud browser session "+id+" was not stopped, and costs until its own timeout: "+cause(err), stop, sessionField(id))
		return false
	}
	return true
}
