package cmd

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/session"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/usage"
)

// newCloudSession makes narada session.
func newCloudSession(inv *invocation) *cobra.Command {
	cmd := usage.Group("session", "Start, list and stop cloud browser sessions, fetch downloads", `A cloud browser session is a browser in the cloud in which several tasks can run,
one after another. It incurs costs until it is stopped or its timeout has passed.

For one task, use narada run --new-session, which stops the session afterwards.`)
	cmd.AddCommand(newSessionStart(inv), newSessionList(inv), newSessionStop(inv), newSessionDownloads(inv))
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
its ID and the ID of its browser window, separated by a tab. With -o json it prints
the cloud's answer.

If it is interrupted, it waits up to 30 s for the session, and stops it.`,
		Example: `  # start one, run two tasks in it, stop it
  narada session start -o json --name nightly --session-timeout 30m > session.json || exit
  session=$(jq -r .session_id session.json) window=$(jq -r '.browser_window_id // empty' session.json)
  narada run --cloud-session "$session" ${window:+--window "$window"} "log in to example.com"
  narada run --cloud-session "$session" ${window:+--window "$window"} "download the report"
  narada session stop "$session"`,
		Args: cobra.MatchAll(usage.NoArgs, func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("session-timeout") && o.timeout <= 0 {
				return usage.Errorf("", "--session-timeout: must be more than 0")
			}
			return nil
		}),
		RunE: calling(inv, &o.out, func(ctx context.Context, p *printer, c *cloud, _ []string) error {
			return runSessionStart(ctx, inv, p, c, &o)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&o.name, "name", "", "call the session `NAME`")
	f.Var(units.DurationFlag(&o.timeout, 0), "session-timeout", "let the cloud end the session after this `DURATION` (default: the cloud's)")
	o.out.add(cmd)
	settingFlag(f, "timeout", config.Timeout, "stop waiting for the start after this `DURATION` (default 20m)")
	return cmd
}

func runSessionStart(ctx context.Context, inv *invocation, p *printer, c *cloud, o *sessionStartOptions) error {
	l, err := inv.openLedger(ctx, nil)
	if err != nil {
		inv.warnOfLedger(err, sessionNotStored)
	}
	defer inv.closeLedger(l)
	s := sessions(inv, c, l)
	started, err := startSession(ctx, inv, s, narada.SessionRequest{Name: o.name, Timeout: o.timeout})
	if err != nil {
		return err
	}
	inv.log.Info("session-started", started.ID+" was started; stop it with narada session stop", sessionField(started.ID))
	if err = p.Print(started.Raw(), started.ID+"\t"+started.BrowserWindowID); err != nil { // the ID is lost
		s.End(ctx, started.ID, err)
	}
	return err
}

func newSessionStop(inv *invocation) *cobra.Command {
	var status narada.SessionStatus
	cmd := &cobra.Command{
		Use:   "stop ID...",
		Short: "Stop cloud browser sessions",
		Long: `stop ends cloud browser sessions, and the tasks that run in them. For a session that
has already ended it exits with 11.`,
		Example: `  narada session stop 3e143f82-e505-4b24-b9b5-d940f9c13d7a
  narada session stop --status failed "$session"`,
		Args: cobra.MatchAll(usage.SomeArgs("an ID"), sessionIDs),
		RunE: calling(inv, &outputFlags{}, func(ctx context.Context, _ *printer, c *cloud, args []string) error {
			return runSessionStop(ctx, inv, c, status, args)
		}),
	}
	statuses := usage.Choice(&status, narada.SessionComplete, narada.SessionComplete, narada.SessionTerminated, narada.SessionFailed, narada.SessionTimedOut)
	cmd.Flags().Var(statuses, "status", "record the end as `STATUS`: complete, terminated, failed or timed_out")
	settingFlag(cmd.Flags(), "timeout", config.Timeout, "stop trying after this `DURATION` (default 20m)")
	return cmd
}

// sessionIDs checks the arguments of a command that takes session IDs.
func sessionIDs(_ *cobra.Command, ids []string) error {
	for _, id := range ids {
		if err := narada.CheckSessionID(id); err != nil {
			return usage.Errorf("narada session start prints the ID", "%v", err)
		}
	}
	return nil
}

func runSessionStop(ctx context.Context, inv *invocation, c *cloud, status narada.SessionStatus, ids []string) error {
	l, err := inv.existingLedger(ctx)
	if err != nil {
		inv.warnOfLedger(err, sessionNotStored)
	}
	defer inv.closeLedger(l)
	s, worst := sessions(inv, c, l), codeDone
	for _, id := range usage.Unique(ids) {
		if err := s.Stop(ctx, id, status); err != nil {
			err = callError(ctx, id, err)
			logError(inv, err)
			if code := exitCode(err); worse(code, worst) {
				worst = code
			}
			continue
		}
		inv.log.Info("session-stopped", id+" was stopped", sessionField(id))
	}
	return exitWith(worst)
}

const sessionNotStored = "the session will not be in narada session list"

// sessions starts and stops those of the cloud; the ledger may be nil.
func sessions(inv *invocation, c *cloud, l store.Ledger) *session.Sessions {
	s := &session.Sessions{Client: c.client, Report: func(e session.Event) { logSessionEvent(inv, e) }, Cloud: c.baseURL.String(), Machine: inv.app.Machine}
	if l != nil {
		s.Store = l
	}
	return s
}

func startSession(ctx context.Context, inv *invocation, s *session.Sessions, r narada.SessionRequest) (*narada.Session, error) {
	defer inv.log.Wait("session", "starting a cloud browser session")()
	started, err := s.Start(ctx, r)
	if err != nil {
		return nil, notStarted(ctx, err)
	}
	return started, nil
}

func stopCommand(inv *invocation, id string) string {
	return withID(commandLine(inv, "session", "stop"), id)
}

// notStarted words why there is no session.
func notStarted(ctx context.Context, err error) error {
	switch err {
	case session.ErrStopped:
		return &exitError{code: codeUnreachable, text: cause(context.Cause(ctx)) + ": the session was stopped"}
	case session.ErrLeft:
		return &exitError{code: codeUnknown, text: cause(context.Cause(ctx)) + ": the session may still be running"}
	}
	if failure, ok := errors.AsType[*narada.SessionError](err); ok && failure.Maybe {
		e := callError(ctx, "it is not known whether a session was started", err)
		e.code, e.next = codeUnknown, "a session incurs costs until its own timeout: look in the cloud before you run this again"
		return e
	}
	e := callError(ctx, "no session was started", err)
	if ctx.Err() == nil && e.code == codeUnreachable {
		e.next = "it is safe to run this again"
	}
	return e
}

// inNewSession starts a session for the request, calls run, and stops the session.
// stopped reports whether it runs no more.
func inNewSession(ctx context.Context, inv *invocation, s *session.Sessions, request *narada.Request, run func() error) (stopped bool, err error) {
	started, err := startSession(ctx, inv, s, narada.SessionRequest{})
	if err != nil {
		return true, err
	}
	return s.Use(ctx, started, func() error {
		request.CloudBrowserSessionID, request.BrowserWindowID = started.ID, started.BrowserWindowID
		return run()
	})
}
