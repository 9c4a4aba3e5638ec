package cmd

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/session"
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
	started, err := startSession(ctx, inv, c, narada.SessionRequest{Name: o.name, Timeout: o.timeout})
	if err != nil {
		return err
	}
	inv.log.Info("session-started", started.ID+" was started; narada session stop ends it", sessionField(started.ID))
	if p.json {
		err = p.JSON(started.Raw())
	} else {
		err = p.Text(started.ID + "\t" + started.BrowserWindowID)
	}
	if err != nil { // nobody has learned the ID
		sessions(inv, c).End(ctx, started.ID, err)
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

// sessionIDs checks the arguments of a command that takes session IDs, minCount of
// them at least; 0 is exactly one.
func sessionIDs(minCount int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return usageError(cmd.CommandPath()+" --help", "no session ID")
		case minCount == 0 && len(args) > 1:
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
		if err := sessions(inv, c).Stop(ctx, id, narada.SessionStatus(o.status)); err != nil {
			err = callFailed(ctx, inv, id, err)
			sayError(inv, err)
			if code := exitCode(err); worse(code, worst) {
				worst = code
			}
			continue
		}
		inv.log.Info("session-stopped", id+" was stopped", sessionField(id))
	}
	return silent(worst)
}

// sessions are those of a command.
func sessions(inv *invocation, c *cloud) *session.Sessions {
	return &session.Sessions{Client: c.client, Report: func(e session.Event) { saySession(inv, e) }}
}

func startSession(ctx context.Context, inv *invocation, c *cloud, r narada.SessionRequest) (*narada.Session, error) {
	defer inv.log.Wait("session", "starting a cloud browser session")()
	started, err := sessions(inv, c).Start(ctx, r)
	if err != nil {
		return nil, notStarted(ctx, err)
	}
	return started, nil
}

// notStarted words why there is no session.
func notStarted(ctx context.Context, err error) error {
	switch err {
	case session.ErrStopped:
		return &exitError{code: codeUnreachable, text: cause(context.Cause(ctx)) + ": no session is left running"}
	case session.ErrLeft:
		return &exitError{code: codeUnknown, text: cause(context.Cause(ctx)) + ": the session may still run"}
	}
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
func inNewSession(ctx context.Context, inv *invocation, c *cloud, request *narada.Request, run func() error) (stopped bool, err error) {
	started, err := startSession(ctx, inv, c, narada.SessionRequest{})
	if err != nil {
		return true, err
	}
	s := sessions(inv, c)
	return s.Use(ctx, started, func() error {
		request.CloudBrowserSessionID, request.BrowserWindowID = started.ID, started.BrowserWindowID
		return run()
	})
}
