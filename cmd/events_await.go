package cmd

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/term"
)

// logAwaitEvent logs an event of an engine.
func logAwaitEvent(inv *invocation, event await.Event) {
	switch e := event.(type) {
	case await.CallbackReceived:
		if inv.log.Verbose() {
			inv.log.Detail("callback", "received a callback: "+term.OneLine(string(e.Result.Raw())))
		}
	case await.PollFailed:
		if e.Notable {
			inv.log.Warn("poll", "polling fails and continues: "+errorText(e.Err))
			return
		}
		inv.log.Detail("poll", "a poll failed: "+errorText(e.Err))
	case await.PollRefused:
		inv.log.Warn("poll", "a poll was refused; waiting for the callback only: "+errorText(e.Err))
	case await.EndpointChanged:
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
	case await.StoreFailed:
		inv.warnOfLedger(e.Err, lossText(e.Loss))
	case await.PersonAsked:
		inv.log.Warn("input-required", linePrefix(e.Item)+humanLine(e.RequestID, e.Input),
			slog.Any("requestId", e.RequestID), slog.Any("inputId", e.Input.InputID))
	default:
		logDispatchEvent(inv, event)
	}
}

// logDispatchEvent logs an event of a dispatch. For a line of a batch it is a detail.
func logDispatchEvent(inv *invocation, event await.Event) {
	switch e := event.(type) {
	case await.Accepted:
		text := linePrefix(e.Item) + e.RequestID + " was accepted"
		switch {
		case e.Item.Batch != 0:
			inv.log.Detail("accepted", text, slog.Any("requestId", e.RequestID), slog.Any("line", e.Item.Line))
			return
		case e.By == await.ByCallback:
			text += " (from its callback)"
		}
		inv.log.Info("accepted", text, slog.Any("requestId", e.RequestID))
	case await.Resending:
		again := fmt.Sprintf("again in %s: %s", e.In.Round(100*time.Millisecond), errorText(e.Err))
		if e.Item.Batch != 0 {
			inv.log.Detail("resending", linePrefix(e.Item)+"was not accepted; "+again)
			return
		}
		inv.log.Warn("resending", "the task was not accepted; "+again)
	case await.AnswerLost:
		log := inv.log.Warn
		if e.Item.Batch != 0 {
			log = inv.log.Detail
		}
		log("answer-lost", linePrefix(e.Item)+"it is not known yet whether the task was accepted; waiting for its callback: "+errorText(e.Err))
	case await.AcceptedTwice:
		logAcceptedTwice(inv, e)
	}
}

func logAcceptedTwice(inv *invocation, e await.AcceptedTwice) {
	const why = ": the API answered the first dispatch with a refusal but accepted it"
	switch {
	case e.Item.Batch != 0:
		inv.log.Warn("accepted-twice", linePrefix(e.Item)+"the task was, or may have been, accepted twice"+why,
			slog.Any("requestId", e.RequestID), slog.Any("line", e.Item.Line))
	case e.RequestID == "":
		inv.log.Warn("accepted-twice", "the task may have been accepted twice"+why+"; the result of the second dispatch is not known")
	default:
		inv.log.Warn("accepted-twice", "the task was accepted twice, the second time as "+e.RequestID+why, slog.Any("requestId", e.RequestID))
	}
}

// linePrefix names the line of a batch. It is "" for a single task.
func linePrefix(i store.Item) string {
	if i.Batch == 0 {
		return ""
	}
	return batch.Line{Number: i.Line, ID: i.ID}.Name() + ": "
}

// lossText says what is not stored after the ledger failed.
func lossText(loss await.Loss) string {
	switch loss {
	case await.LossTask:
		return "this task is not stored"
	case await.LossProgress:
		return "the task's progress is not stored"
	case await.LossAnswer:
		return "the answer is not stored"
	}
	return "callbacks that another narada receives are missed"
}

// spinner shows what a task waits for. The goroutine that runs the task uses it, and
// reports the task's events.
type spinner struct {
	log  *term.Reporter
	stop func()
}

// wrap returns a report function that updates the spinner.
func (s *spinner) wrap(report func(await.Event)) func(await.Event) {
	return func(event await.Event) {
		switch e := event.(type) {
		case await.Accepted:
			s.hide()
			report(event)
			s.show("waiting", "waiting for "+e.RequestID)
		case await.AnswerLost:
			report(event)
			s.show("waiting", "waiting for a callback")
		default:
			report(event)
		}
	}
}

// show shows a label in place of the present one.
func (s *spinner) show(event, label string) {
	s.hide()
	s.stop = s.log.Wait(event, label)
}

func (s *spinner) hide() {
	s.stop()
	s.stop = func() {}
}
