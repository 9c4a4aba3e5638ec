package await

import (
	"context"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// wait returns the first final answer of the waiter's task, or why there is none.
func (e *Engine) wait(ctx context.Context, w *waiter) (Answer, error) {
	w.deadline, _ = ctx.Deadline()
	if w.id != "" && !w.recalled {
		e.watch(w, 0)
	}
	defer e.forget(w)
	for {
		if ctx.Err() != nil { // what is here by now is the answer all the same
			w.over = context.Cause(ctx)
		}
		ended, err := e.hear(w)
		if !ended && w.over != nil {
			ended, err = true, e.conclude(w)
		}
		if ended {
			return w.answer, err
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
		}
	}
}

// hear takes what the waiter was told. ended is true when the wait is over.
func (e *Engine) hear(w *waiter) (ended bool, err error) {
	for _, n := range w.take() {
		if ended, err = e.handle(w, n); ended {
			return true, err
		}
	}
	if cause := w.lost(); cause != nil {
		return true, w.unfinished(cause)
	}
	return false, nil
}

// conclude ends a wait whose time is over: a dispatch call that is under way has a
// moment to name the ID of what may have been accepted.
func (e *Engine) conclude(w *waiter) error {
	if w.sent != nil {
		w.sent.conclude()
		if ended, err := e.hear(w); ended {
			return err
		}
	}
	return w.unfinished(w.over)
}

func (e *Engine) handle(w *waiter, n news) (ended bool, err error) {
	switch n := n.(type) {
	case heard:
		return e.handleAnswer(w, n.Answer), nil
	case dispatched:
		switch w.id {
		case "":
			e.named(w, n.id, ByPoll)
		case n.id:
		default:
			e.acceptedTwice(w, n.id)
		}
		return w.handOver, w.over
	case notSent:
		return e.handleNotSent(w, n.err)
	case resending:
		e.report(Resending{w.item, n.err, n.in})
		w.callEnded()
	case pollFailed:
		w.failure = n.err
		notable := n.inARow == notableFailures && !e.saidBefore(&e.pollsFail)
		e.report(PollFailed{w.id, n.err, n.inARow, notable})
	case pollRefused:
		w.failure, w.refusedBy = n.err, n.err
		if w.callbacks && !e.saidBefore(&e.pollsRefused) {
			e.report(PollRefused{w.id, n.err})
		}
	case callbacksClosed:
		w.callbacks = false
	}
	return false, nil
}

// handleAnswer takes what the cloud says of the task.
func (e *Engine) handleAnswer(w *waiter, a Answer) (ended bool) {
	r := a.Result
	if w.id == "" {
		e.named(w, r.RequestID, a.By)
	}
	first, before := w.last == nil && w.sent == nil, w.state
	w.last, w.state = r, before.next(eventOf(r))
	if a.By == ByPoll && (first || w.state != before) {
		e.keepPolled(r)
	}
	switch {
	case w.once:
	case w.state == finished:
		e.concludeTwice(w)
	case w.state == waitingPerson:
		if input := inputOf(r); w.isNew(input) {
			e.report(PersonAsked{w.item, w.id, input})
		}
		return false
	default:
		return false
	}
	w.answer.RequestID, w.answer.Result, w.answer.By = r.RequestID, r, a.By
	return true
}

func inputOf(r *narada.Result) narada.HumanInput {
	if r.HumanInput == nil {
		return narada.HumanInput{}
	}
	return *r.HumanInput
}

// named takes the request ID of a task that had none: from now on it is polled for.
func (e *Engine) named(w *waiter, id string, by Way) {
	w.id, w.state = id, w.state.next(heardID)
	if w.sent != nil {
		w.sent.stopResending()
	}
	e.keepAccepted(w.answer.Task, id)
	e.report(Accepted{w.item, id, by})
	w.callEnded()
	if w.handOver {
		return
	}
	var first time.Duration // of a task that was dispatched before, that time has passed
	if w.sent != nil {
		first = e.poller.first()
	}
	e.watch(w, first)
}

// handleNotSent takes the failure of the dispatch.
func (e *Engine) handleNotSent(w *waiter, failure *narada.DispatchError) (ended bool, err error) {
	event := heardRefusal
	if failure.Maybe {
		event = heardNothing
	}
	switch w.state = w.state.next(event); {
	case w.state == refused:
		e.keepRefused(w.answer.Task, failure)
		return true, w.failed(failure)
	case w.state != unknown: // a callback has proved that it was accepted
	case !w.callbacks || w.over != nil:
		return true, w.failed(failure)
	default:
		w.lostBy = failure
		e.report(AnswerLost{w.item, failure})
		w.callEnded()
	}
	return false, nil
}

// concludeTwice is for a task that has finished, and whose dispatch was sent again
// when the cloud had refused it: the cloud may have accepted that one too.
func (e *Engine) concludeTwice(w *waiter) {
	if w.sent == nil || !w.sent.again.Load() || w.twice {
		return
	}
	w.sent.conclude()
	switch id, err := w.sent.id, w.sent.err; {
	case err == nil && id != w.id:
		e.acceptedTwice(w, id)
	case err != nil && err.Maybe && w.lostBy == nil: // else it is this one that was accepted
		e.acceptedTwice(w, "")
	}
}

func (e *Engine) acceptedTwice(w *waiter, id string) {
	w.twice = true
	e.keepAcceptedTwice(w.answer.Task, id)
	e.report(AcceptedTwice{w.item, id})
}
