package cmd

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/narada-cli/narada/pkg/session"
	"github.com/narada-cli/narada/pkg/term"
)

// saySession words an event of a cloud browser session.
func saySession(inv *invocation, event session.Event) {
	log := inv.log
	switch e := event.(type) {
	case session.Retrying:
		what := "no session was started"
		if e.ID != "" {
			what = e.ID + " was not stopped"
		}
		sayAgain(inv, "session", what, e.Err, e.In)
	case session.Awaited:
		log.Warn("session", cause(e.Cause)+": the session that is being started is waited for, to stop it")
	case session.Started:
		log.Info("session-started", "the cloud browser session "+e.ID+" was started", sessionField(e.ID))
	case session.Stopping: // a second signal leaves at once
		log.Error("session", cause(e.Cause)+": the cloud browser session "+e.ID+" is being stopped", "if that is cut short: "+stopWords(inv, e.ID), sessionField(e.ID))
	case session.Stopped:
		text := "the cloud browser session " + e.ID + " was stopped"
		if e.Err != nil {
			text = fmt.Sprintf("the cloud browser session %s had ended (%s)", e.ID, term.OneLine(e.Err.Error()))
		}
		log.Info("session-stopped", text, sessionField(e.ID))
	case session.NotStopped:
		log.Error("session", "the cloud browser session "+e.ID+" was not stopped, and costs until its own timeout: "+cause(e.Err), stopWords(inv, e.ID), sessionField(e.ID))
	}
}

func stopWords(inv *invocation, id string) string {
	return resume(id, commandLine(inv, "session", "stop")...)
}

func sessionField(id string) slog.Attr { return slog.Any("sessionId", id) }

// sayAgain says that a call failed, and is made again.
func sayAgain(inv *invocation, event, what string, err error, in time.Duration) {
	inv.log.Warn(event, fmt.Sprintf("%s; again in %s: %s", what, in.Round(100*time.Millisecond), explain(err)))
}
