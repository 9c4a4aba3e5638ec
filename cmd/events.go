package cmd

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/session"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/units"
)

// This file words the events of the rooms as log records.

func requestField(id string) slog.Attr { return slog.Any("requestId", id) }

func sessionField(id string) slog.Attr { return slog.Any("sessionId", id) }

// logAwaitEvent logs an event of an engine.
func logAwaitEvent(inv *invocation, event await.Event) {
	log := inv.log
	switch e := event.(type) {
	case await.CallbackReceived:
		if log.Verbose() {
			log.Detail("callback", "received a callback: "+term.OneLine(string(e.Result.Raw())))
		}
	case await.PollFailed:
		if e.Notable {
			log.Warn("poll", "polling fails and continues: "+errorText(e.Err))
			return
		}
		log.Detail("poll", "a poll failed: "+errorText(e.Err))
	case await.PollRefused:
		text := "a poll was refused; waiting for the callback only: "
		if e.Ends {
			text = "the wait for " + e.RequestID + " has ended: "
			logCrash(inv, e.Err)
		}
		log.Warn("poll", text+errorText(e.Err)+maxBodyHint(e.Err))
	case await.EndpointChanged:
		logTunnelEvent(inv, e)
	case await.StoreFailed:
		inv.warnOfLedger(e.Err, e.Loss.Text())
	case await.PersonAsked:
		log.Warn("input-required", batch.Prefix(e.Item)+humanLine(e.RequestID, e.Input), requestField(e.RequestID), slog.Any("inputId", e.Input.InputID))
	default:
		logDispatchEvent(inv, event)
	}
}

func logTunnelEvent(inv *invocation, e await.EndpointChanged) {
	switch e.Event {
	case await.EndpointLost:
		inv.log.Warn("tunnel-lost", "the tunnel is lost: polling until it is back")
	case await.EndpointBack:
		inv.log.Info("tunnel-back", "the tunnel is back")
	case await.EndpointClosed:
		text := "the tunnel was stopped"
		if e.Err != nil {
			text += " (" + e.Err.Error() + ")"
		}
		inv.log.Warn("tunnel-stopped", text+"; falling back to polling")
	}
}

// logListenerEvent logs an event of the listener that receives the callbacks.
func logListenerEvent(inv *invocation, name string, e await.EndpointChanged) {
	switch e.Event {
	case await.EndpointLost:
		inv.log.Warn("listener-lost", fmt.Sprintf("the listener %q has ended: polling until it is back", name))
	case await.EndpointBack:
		inv.log.Info("listener-back", fmt.Sprintf("the listener %q is back", name))
	}
}

// logDispatchEvent logs an event of a dispatch. For a line of a batch it is a detail.
func logDispatchEvent(inv *invocation, event await.Event) {
	switch e := event.(type) {
	case await.Accepted:
		text := batch.Prefix(e.Item) + e.RequestID + " was accepted"
		switch {
		case e.Item.Batch != 0:
			inv.log.Detail("accepted", text, requestField(e.RequestID), slog.Any("line", e.Item.Line))
			return
		case e.By == await.ByCallback:
			text += " (from its callback)"
		}
		inv.log.Info("accepted", text, requestField(e.RequestID))
	case await.Resending:
		again := fmt.Sprintf("retrying in %s: %s", e.In.Round(100*time.Millisecond), errorText(e.Err))
		if e.Item.Batch != 0 {
			inv.log.Detail("resending", batch.Prefix(e.Item)+"was not accepted; "+again)
			return
		}
		inv.log.Warn("resending", "the task was not accepted; "+again)
	case await.AnswerLost:
		log := inv.log.Warn
		if e.Item.Batch != 0 {
			log = inv.log.Detail
		}
		log("answer-lost", batch.Prefix(e.Item)+"it is not known yet whether the task was accepted; waiting for its callback: "+errorText(e.Err))
	case await.AcceptedTwice:
		logAcceptedTwice(inv, e)
	case await.OtherTask:
		inv.log.Warn("other-task", batch.Prefix(e.Item)+e.Text()+": stored, not taken as the answer", requestField(e.RequestID))
	case await.IDReused:
		inv.log.Warn("id-reused", e.Err.Error()+": the answer may be that task's", requestField(e.Err.RequestID))
	}
}

func logAcceptedTwice(inv *invocation, e await.AcceptedTwice) {
	const why = ": the API answered the first dispatch with a refusal but accepted it"
	switch {
	case e.Item.Batch != 0:
		inv.log.Warn("accepted-twice", batch.Prefix(e.Item)+"the task was, or may have been, accepted twice"+why, requestField(e.RequestID), slog.Any("line", e.Item.Line))
	case e.RequestID == "":
		inv.log.Warn("accepted-twice", "the task may have been accepted twice"+why+"; the result of the second dispatch is not known")
	default:
		inv.log.Warn("accepted-twice", "the task was accepted twice, the second time as "+e.RequestID+why, requestField(e.RequestID))
	}
}

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
	case session.NotStored:
		inv.warnOfLedger(e.Err, sessionNotStored)
	case session.NotStopped:
		log.Error("session", name+e.ID+" was not stopped and incurs costs until its own timeout: "+cause(e.Err), stopCommand(inv, e.ID), sessionField(e.ID))
	}
}

// logBatchEvent logs an event of the batch of that name.
func logBatchEvent(inv *invocation, name string, event batch.Event) {
	log := inv.log
	switch e := event.(type) {
	case batch.LinesRejected:
		log.Text("line", e.Problem.String())
	case batch.LinesWarned:
		log.Warn("task", e.Problem.String())
	case batch.InputChanged:
		logChangedInput(inv, name, e)
	case batch.Resumed:
		log.Info("resuming", fmt.Sprintf("resuming an earlier run: %d of %d lines have finished", e.Tally.Ended, e.Tally.Total))
	case batch.SettingsChanged:
		log.Warn("changed", fmt.Sprintf("%s changed since lines were last sent: answers to what was sent before are kept for %s; --restart sends all lines again",
			strings.Join(e.Changed, ", "), units.Count(e.Lines, "line")), slog.Any("changed", e.Changed), slog.Any("lines", e.Lines))
	case batch.Restarted:
		log.Info("restarting", "running all lines again: "+e.Text()+"; their tasks remain in narada history", slog.Any("sent", e.Sent), slog.Any("open", e.Open))
	case batch.Stopping:
		log.Warn("interrupted", stoppingText(e))
	case batch.StoreLost:
		inv.warnOfLedger(e.Err, "nothing is sent until it can be used again")
	case batch.StoreBack:
		log.Info("ledger", "the ledger can be used again: continuing")
	case batch.AnswersNotStored:
		warnWithHint(inv, "ledger", ": "+units.Count(e.Answers, "answer")+" not stored", e.Err)
	case batch.AwaitingUnknown:
		log.Warn("unknown", fmt.Sprintf("%s may have been accepted by an earlier run; only a callback can tell; waiting until %s (--timeout)",
			units.Count(e.Lines, "line"), formatTime(e.Until)), slog.Any("lines", e.Lines), slog.Any("until", e.Until))
	}
}

// stoppingText words that a batch sends nothing more.
func stoppingText(e batch.Stopping) string {
	if e.InFlight+e.Unknown == 0 {
		return "sending stopped"
	}
	unknown := ""
	if e.Unknown > 0 {
		unknown = fmt.Sprintf(" and %d that may have been accepted", e.Unknown)
	}
	return fmt.Sprintf("sending stopped; waiting for %d in flight%s: press Ctrl-C again to quit", e.InFlight, unknown)
}

// logWorkEvent logs an event of a worker.
func logWorkEvent(inv *invocation, event batch.Event) {
	log := inv.log
	switch e := event.(type) {
	case batch.Idle:
		what := "a batch"
		if e.Name != "" {
			what = "the batch " + e.Name
		}
		share := " --share"
		if sharesLedger(inv) {
			share = ""
		}
		log.Info("idle", "waiting for narada batch run"+share+" to put lines of "+what+" into the ledger")
	case batch.Working:
		log.Info("working", "working on the batch "+e.Name)
	case batch.Worked:
		log.Info("worked", "no line of the batch "+e.Name+" is left")
	case batch.NotWorked:
		log.Warn("left", e.Err.Error()+": left to other workers")
	default:
		logBatchEvent(inv, "", event)
	}
}

// receiveEvents logs the events of an endpoint. With show it shows the credentials that a
// callback must have.
func receiveEvents(inv *invocation, show bool) func(receive.Event) {
	return func(event receive.Event) {
		switch e := event.(type) {
		case receive.CloseFailed:
			inv.log.Detail("endpoint", "closing the endpoint: "+e.Err.Error())
		case receive.NotReady:
			inv.log.Warn("not-ready", "the address does not answer yet from this machine: "+errorText(e.Err))
			inv.log.Info("not-ready", "listening on "+e.URL+", not ready yet", slog.Any("url", e.URL))
			showTicket(inv, show, e.Ticket)
		case receive.Ready:
			if e.Late {
				inv.log.Info("ready", "the address answers now", slog.Any("url", e.URL))
				return
			}
			inv.log.Info("ready", "listening on "+e.URL, slog.Any("url", e.URL))
			showTicket(inv, show, e.Ticket)
		case receive.TunnelChanged:
			if e.Kind == tunnel.Back {
				inv.log.Info("tunnel-back", "the tunnel is back")
				return
			}
			inv.log.Warn("tunnel-lost", "the tunnel is lost: no callbacks arrive until it is back")
		case receive.Draining:
			inv.log.Info("draining", fmt.Sprintf("still receiving callbacks for %s; a second signal ends it at once", e.For))
		case receive.NotPrinted:
			inv.log.Warn("not-printed", "not all callbacks could be printed before the end: narada history has them")
		default:
			logCallbackEvent(inv, e)
		}
	}
}

// logCallbackEvent logs an event of one callback.
func logCallbackEvent(inv *invocation, event receive.Event) {
	switch e := event.(type) {
	case receive.Refused:
		if e.Times > 0 {
			inv.log.Warn("refused", fmt.Sprintf("refused a callback with %d: %s%s", e.StatusCode, term.OneLine(e.Reason.Error()), repeated(e.Times)), slog.Any("status", e.StatusCode))
			return
		}
		inv.log.Detail("refused", fmt.Sprintf("refused a %s with %d: %s", term.OneLine(e.Method), e.StatusCode, term.OneLine(e.Reason.Error())), slog.Any("status", e.StatusCode))
	case receive.NotStored:
		warnWithHint(inv, "not-stored", repeated(e.Times), fmt.Errorf("callback not acknowledged: %w", e.Err))
	case receive.FilteredOut:
		if e.Err == nil {
			inv.log.Detail("filter", term.OneLine(e.RequestID)+": stored; does not match --filter")
			return
		}
		inv.log.Warn("filter", term.OneLine(e.RequestID)+": stored, but not printed or forwarded: --filter: "+e.Err.Error(), requestField(e.RequestID))
	case receive.Accepted:
		if e.Further {
			inv.log.Info("further", term.OneLine(e.RequestID)+": another callback, with a different body", requestField(e.RequestID))
		}
		inv.log.Detail("callback", term.OneLine(e.RequestID)+": callback accepted")
	}
}

// repeated says how often the same happened since it was reported.
func repeated(times int) string {
	if times == 1 {
		return ""
	}
	return fmt.Sprintf(" (%d since the last warning)", times)
}
