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

// sayAwait words an event of an engine of the command called source.
func sayAwait(inv *invocation, source string, event await.Event) {
	switch e := event.(type) {
	case await.CallbackReceived:
		if inv.log.Verbose() {
			inv.log.Detail("callback", "a callback came: "+term.OneLine(string(e.Result.Raw())))
		}
	case await.PollFailed:
		if e.Notable {
			inv.log.Warn("poll", "status calls fail, and go on: "+explain(e.Err))
			return
		}
		inv.log.Detail("poll", "the status call failed: "+explain(e.Err))
	case await.PollRefused:
		inv.log.Warn("poll", "the status call was refused, so only a callback can tell: "+explain(e.Err))
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
			inv.log.Warn("tunnel-stopped", text+": polling does the job")
		}
	case await.StoreFailed:
		inv.warnOfLedger(e.Err, lossText(source, e.Loss))
	case await.PersonAsked:
		inv.log.Warn("input-required", linePrefix(e.Item)+humanLine(e.RequestID, e.Input),
			slog.Any("requestId", e.RequestID), slog.Any("inputId", e.Input.InputID))
	default:
		sayDispatch(inv, event)
	}
}

// sayDispatch words what comes of a dispatch. What happens to a line of a batch is a
// detail.
func sayDispatch(inv *invocation, event await.Event) {
	switch e := event.(type) {
	case await.Accepted:
		text := linePrefix(e.Item) + e.RequestID + " was accepted"
		switch {
		case e.Item.Batch != 0:
			inv.log.Detail("accepted", text, slog.Any("requestId", e.RequestID), slog.Any("line", e.Item.Line))
			return
		case e.By == await.ByCallback:
			text += ", says a callback"
		}
		inv.log.Info("accepted", text, slog.Any("requestId", e.RequestID))
	case await.Resending:
		again := fmt.Sprintf("again in %s: %s", e.In.Round(100*time.Millisecond), explain(e.Err))
		if e.Item.Batch != 0 {
			inv.log.Detail("resending", linePrefix(e.Item)+"was not accepted; "+again)
			return
		}
		inv.log.Warn("resending", "the task was not accepted; "+again)
	case await.AnswerLost:
		say := inv.log.Warn
		if e.Item.Batch != 0 {
			say = inv.log.Detail
		}
		say("answer-lost", linePrefix(e.Item)+"it is not known yet whether the task was accepted, so the callback is waited for: "+explain(e.Err))
	case await.AcceptedTwice:
		sayAcceptedTwice(inv, e)
	}
}

func sayAcceptedTwice(inv *invocation, e await.AcceptedTwice) {
	const why = ": the cloud had refused the first, and accepted it all the same"
	switch {
	case e.Item.Batch != 0:
		inv.log.Warn("accepted-twice", linePrefix(e.Item)+"the task was, or may have been, accepted a second time"+why,
			slog.Any("requestId", e.RequestID), slog.Any("line", e.Item.Line))
	case e.RequestID == "":
		inv.log.Warn("accepted-twice", "the task may have been accepted a second time"+why+", and what became of the second is not known")
	default:
		inv.log.Warn("accepted-twice", "the task was accepted a second time, as "+e.RequestID+why, slog.Any("requestId", e.RequestID))
	}
}

// linePrefix names the line of a batch; it is "" for a task of its own.
func linePrefix(i store.Item) string {
	if i.Batch == 0 {
		return ""
	}
	return batch.Line{Number: i.Line, ID: i.ID}.Name() + ": "
}

// lossText says what a store that failed means for a command.
func lossText(source string, loss await.Loss) string {
	switch {
	case loss == await.LossTask:
		return "this task is not kept"
	case loss == await.LossProgress && source == "status":
		return "how the task goes on is not kept"
	case loss == await.LossProgress:
		return "how this task goes on is not kept"
	case loss == await.LossAnswer:
		return "the answer is not kept"
	}
	return "callbacks that come in at another narada are not seen"
}

// spinner shows what a task is waited for. It is used by the goroutine that runs the
// task, which also reports what happens to it.
type spinner struct {
	log  *reporter
	stop func()
}

// wrap is report, with the spinner out of its way, and as the event has it after.
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

// show shows another label.
func (s *spinner) show(event, label string) {
	s.hide()
	s.stop = s.log.Wait(event, label)
}

func (s *spinner) hide() {
	s.stop()
	s.stop = func() {}
}
