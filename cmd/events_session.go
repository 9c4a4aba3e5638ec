package cmd

import (
	"fmt"
	"log/slog"

	"github.com/narada-cli/narada/pkg/session"
	"github.com/narada-cli/narada/pkg/term"
)

// logSessionEvent logs an event of a cloud browser session.
func logSessionEvent(inv *invocation, event session.Event) {
	const name = "the cloud browser session "
	log := inv.log
	switch e := event.(type) {
	case session.Retrying:
		what := "no session was started"
		if e.ID != "" {
			what = e.ID + " was not stopped"
		}
		logRetry(inv, "session", what, e.Err, e.In)
	case session.Awaited:
		log.Warn("session", cause(e.Cause)+": waiting for the session that is starting, to stop it")
	case session.Started:
		log.Info("session-started", name+e.ID+" was started", sessionField(e.ID))
	case session.Stopping: // another signal ends the program at once
		log.Error("session", cause(e.Cause)+": stopping "+name+e.ID, "if this is interrupted: "+stopCommand(inv, e.ID), sessionField(e.ID))
	case session.Stopped:
		text := name + e.ID + " was stopped"
		if e.Err != nil {
			text = fmt.Sprintf("%s%s had ended (%s)", name, e.ID, term.OneLine(e.Err.Error()))
		}
		log.Info("session-stopped", text, sessionField(e.ID))
	case session.NotStopped:
		log.Error("session", name+e.ID+" was not stopped and costs until its own timeout: "+cause(e.Err), stopCommand(inv, e.ID), sessionField(e.ID))
	}
}

func stopCommand(inv *invocation, id string) string {
	return withID(commandLine(inv, "session", "stop"), id)
}

func sessionField(id string) slog.Attr { return slog.Any("sessionId", id) }
