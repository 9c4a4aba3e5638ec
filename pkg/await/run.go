package await

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/panics"
	"github.com/narada-cli/narada/pkg/store"
)

// wait returns the first final answer of the waiter's task, or an error. A panic is an
// *UnfinishedError, which names the task.
func (e *Engine) wait(ctx context.Context, w *waiter) (answer Answer, err error) {
	err = panics.Catch(func() (err error) {
		answer, err = e.waitFor(ctx, w)
		return err
	})
	if _, crashed := err.(*panics.Error); crashed {
		return w.answer, w.unfinished(err)
	}
	return answer, err
}

func (e *Engine) waitFor(ctx context.Context, w *waiter) (Answer, error) {
	deadline, _ := ctx.Deadline()
	defer e.forget(w)
	e.show(w)
	for {
		if ctx.Err() != nil { // an answer that has arrived still counts
			w.over = context.Cause(ctx)
		}
		ended, err := e.hear(w)
		if !ended && w.over != nil && w.sent != nil {
			w.sent.conclude() // the call under way may return the ID
			ended, err = e.hear(w)
		}
		if !ended && w.over != nil {
			ended, err = true, w.unfinished(w.over)
		}
		if ended {
			return w.answer, err
		}
		if w.id != "" && w.unwatch == nil {
			e.watch(w, deadline)
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
		}
	}
}

// hear handles what the waiter was told. ended reports the end of the wait.
func (e *Engine) hear(w *waiter) (ended bool, err error) {
	list := w.take()
	// An answer that has arrived counts, whatever else would end the wait.
	slices.SortStableFunc(list, func(a, b news) int { return cmp.Compare(w.rank(a), w.rank(b)) })
	for _, n := range list {
		if ended, err = e.handle(w, n); ended {
			return true, err
		}
	}
	if cause := w.lost(); cause != nil {
		return true, w.unfinished(cause)
	}
	return false, nil
}

// rank is 1 for news that may end the wait without an answer.
func (w *waiter) rank(n news) int {
	switch n.(type) {
	case callbacksClosed, pollRefused:
		return 1
	case dispatchEnded:
		if w.sent.err != nil {
			return 1
		}
	}
	return 0
}

func (e *Engine) handle(w *waiter, n news) (ended bool, err error) {
	switch n := n.(type) {
	case heard:
		return e.handleAnswer(w, n.Answer), nil
	case dispatchEnded:
		if w.sent.err != nil {
			return e.handleNotSent(w, w.sent.err)
		}
		e.handleAccepted(w, w.sent.id)
		return w.handOver, w.over
	case resending:
		e.o.Report(Resending{w.item, n.err, n.in})
		w.callEnded()
	case pollFailed:
		w.failure = n.err
		e.o.Report(PollFailed{w.id, n.err, w.notable(n) && !e.saidBefore(&e.pollsFail)})
	case pollRefused:
		return e.handlePollRefused(w, n.err)
	case callbacksClosed:
		w.callbacks = false
	}
	return false, nil
}

// handleAccepted handles the request ID that the dispatch returned.
func (e *Engine) handleAccepted(w *waiter, id string) {
	switch {
	case w.id == "":
		e.named(w, id, ByPoll)
	case w.id != id && !w.sentAgain(): // the callback was of another task
		e.renamed(w, id)
	case w.id != id:
		e.acceptedTwice(w, id)
	}
}

// handlePollRefused handles a failed status call that is not retried.
func (e *Engine) handlePollRefused(w *waiter, failure error) (ended bool, err error) {
	w.failure, w.refusedBy = failure, failure
	ends := endsWait(failure)
	if (w.callbacks || ends && e.o.Many) && !e.saidBefore(&e.pollsRefused) {
		e.o.Report(PollRefused{w.id, failure, ends})
	}
	if ends {
		return true, w.unfinished(failure)
	}
	return false, nil
}

// identify sets the request ID if the result is the first to name it, and reports whether
// the result is of the waiter's task. The ticket proves that of a callback, unless its ID is
// another one. A task that was sent again may have two IDs.
func (e *Engine) identify(w *waiter, r *narada.Result, by Way) bool {
	impossible := narada.CheckRequestID(r.RequestID) != nil
	switch {
	case w.id == "" && !impossible:
		e.named(w, r.RequestID, by)
	case w.id == "" && r.Final():
	case r.RequestID != w.id && (impossible || !w.sentAgain()):
		e.otherTask(w, r.RequestID)
		return false
	}
	return true
}

// handleAnswer handles a result or a state of the task.
func (e *Engine) handleAnswer(w *waiter, a Answer) (ended bool) {
	r := a.Result
	if !e.identify(w, r, a.By) {
		return false
	}
	first, before := w.last == nil && w.sent == nil, w.state
	w.last, w.state = r, before.next(eventOf(r))
	if a.By == ByPoll && (first || w.state != before) {
		_ = e.keep(w, &store.Poll{Result: r, At: time.Now()}) // reported
	}
	if !w.once && w.state != finished {
		if w.state != waitingPerson {
			return false
		}
		if input, isNew := w.question(r); isNew {
			e.o.Report(PersonAsked{w.item, w.id, input})
		}
		return false
	}
	if w.sentAgain() && w.id != "" && r.RequestID != w.id && !w.twice { // an attempt that the cloud had refused, and accepted all the same
		w.twice = true
		e.o.Report(AcceptedTwice{w.item, w.id})
	}
	e.concludeTwice(w)
	w.answer.RequestID, w.answer.Result, w.answer.By = r.RequestID, r, a.By
	return true
}

// named sets the request ID of the task.
func (e *Engine) named(w *waiter, id string, by Way) {
	w.id, w.state = id, w.state.next(heardID)
	if w.sent != nil {
		w.sent.stopResending()
	}
	e.show(w)
	e.keepTask(w, &store.Accept{Task: w.answer.Task, RequestID: id, At: time.Now()})
	e.o.Report(Accepted{w.item, id, by})
	w.callEnded()
}

// renamed replaces the request ID that a callback named by that of the dispatch's answer.
func (e *Engine) renamed(w *waiter, id string) {
	other := w.id
	if w.unwatch != nil {
		w.unwatch()
	}
	e.mu.Lock()
	e.forgetID(w)
	e.mu.Unlock()
	w.id, w.unwatch, w.last, w.state = id, nil, nil, accepted
	e.show(w)
	e.keepTask(w, &store.AcceptTwice{Task: w.answer.Task, RequestID: id, At: time.Now()})
	e.otherTask(w, other)
}

// otherTask reports a callback that names another task, once.
func (e *Engine) otherTask(w *waiter, named string) {
	if !w.other {
		e.o.Report(OtherTask{w.item, w.id, named})
	}
	w.other = true
}

// handleNotSent handles a failed dispatch.
func (e *Engine) handleNotSent(w *waiter, failure *narada.DispatchError) (ended bool, err error) {
	event := heardRefusal
	if failure.Maybe {
		event = heardNothing
	}
	switch w.state = w.state.next(event); {
	case w.state == refused:
		e.keepRefusal(w, failure)
		return true, w.failed(failure)
	case w.state != unknown: // a callback proved that it was accepted
	case !w.callbacks || w.over != nil:
		return true, w.failed(failure)
	default:
		w.lostBy = failure
		e.show(w)
		e.o.Report(AnswerLost{w.item, failure})
		w.callEnded()
	}
	return false, nil
}

// concludeTwice reports a second task: after a dispatch was retried, the cloud may have
// accepted both attempts.
func (e *Engine) concludeTwice(w *waiter) {
	if !w.sentAgain() || w.twice {
		return
	}
	w.sent.conclude()
	switch id, err := w.sent.id, w.sent.err; {
	case err == nil && id != w.id:
		e.acceptedTwice(w, id)
	case err != nil && err.Maybe && w.lostBy == nil: // else this is the accepted one
		e.acceptedTwice(w, "")
	}
}

func (e *Engine) acceptedTwice(w *waiter, id string) {
	w.twice = true
	if id != "" {
		e.keepTask(w, &store.AcceptTwice{Task: w.answer.Task, RequestID: id, At: time.Now()})
	}
	e.o.Report(AcceptedTwice{w.item, id})
}
