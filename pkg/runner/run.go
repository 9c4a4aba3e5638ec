package runner

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Task is what Run dispatches.
type Task struct {
	Request *narada.Request
	Ticket  webhook.Ticket // zero: no callback is expected
}

// Observer is told what happens while a task runs. Its methods are called by
// one goroutine at a time.
type Observer interface {
	Accepted(id string, by Way)                    // by callback, when the dispatch call's answer is not there (yet)
	Resending(err error, in time.Duration)         // the dispatch call failed, nothing was accepted
	AnswerLost(err error)                          // the dispatch call failed, and the ticket will tell
	HumanAsked(id string, input narada.HumanInput) // once per input ID
}

// Runner runs tasks one by one or many at once.
type Runner struct {
	Dispatch func(context.Context, *narada.Request) (id string, err error)
	Desk     *Desk
	Poller   *Poller
}

// UnfinishedError is a wait that ended before the task did.
type UnfinishedError struct {
	ID    string         // "" when it is not known whether the task was accepted
	Last  *narada.Result // newest state heard of, nil when none was
	Cause error          // of the context's end
}

func (e *UnfinishedError) Error() string {
	if e.ID == "" {
		return "the wait for a task that may have been accepted ended: " + e.Cause.Error()
	}
	return "the wait for " + e.ID + " ended: " + e.Cause.Error()
}

// Unwrap returns the cause.
func (e *UnfinishedError) Unwrap() error { return e.Cause }

// Run dispatches the task and returns its final answer, the first that comes.
//
// An error is a *narada.DispatchError when the dispatch failed: with Maybe set
// and no ticket to wait by, it is not known whether the task was accepted. It is
// an *UnfinishedError when ctx ended before the task did, and another error when
// the cloud refuses to tell of the task and no callback can.
func (r *Runner) Run(ctx context.Context, t Task, o Observer) (Answer, error) {
	claim := r.Desk.Expect(t.Ticket)
	defer claim.Close()
	sent := r.dispatch(ctx, t.Request)
	defer sent.stop()

	lastLook := lastLookTimer(ctx)
	defer lastLook.Stop()
	stopWatching := func() {}
	defer func() { stopWatching() }()
	asked := func(input narada.HumanInput) { o.HumanAsked(claim.ID(), input) }
	named := claim.named
	way := ByCallback

	for {
		select {
		case <-claim.done:
			claim.tellHuman(asked)
			return claim.outcome()
		case id := <-sent.id:
			way = ByPoll
			claim.Named(id)
		case resend := <-sent.resending:
			o.Resending(resend.err, resend.in)
		case err := <-sent.failed:
			if !err.Maybe || t.Ticket.Path == "" {
				return Answer{}, err
			}
			o.AnswerLost(err)
		case <-named:
			named = nil
			o.Accepted(claim.ID(), way)
			stopWatching = r.Poller.Watch(claim.ID(), r.Poller.First())
		case <-claim.update:
			claim.tellHuman(asked)
		case <-lastLook.C:
			r.Poller.Hurry()
		case <-ctx.Done():
			return unfinished(ctx, claim, sent)
		}
	}
}

// unfinished says how the task stands when the wait has ended.
func unfinished(ctx context.Context, claim *Claim, sent *dispatching) (Answer, error) {
	id, err := sent.conclude()
	claim.Named(id)
	if claim.isDone() { // in the same moment
		return claim.outcome()
	}
	if claim.ID() == "" && err != nil && !err.Maybe {
		return Answer{}, &narada.DispatchError{Err: errors.Join(context.Cause(ctx), err.Err)}
	}
	return Answer{}, &UnfinishedError{ID: claim.ID(), Last: claim.Last(), Cause: context.Cause(ctx)}
}

// lastLookTimer fires shortly before ctx's deadline: in time for one more call.
func lastLookTimer(ctx context.Context) *time.Timer {
	deadline, ok := ctx.Deadline()
	if !ok {
		t := time.NewTimer(time.Hour)
		t.Stop()
		return t
	}
	left := time.Until(deadline)
	return time.NewTimer(left - min(2*time.Second, left/4))
}

func retryAfter(err error) time.Duration {
	if api, ok := errors.AsType[*narada.APIError](err); ok {
		return api.RetryAfter
	}
	return 0
}

// NotFound reports whether the cloud does not know the request ID, which may
// pass in the moments after it was given out.
func NotFound(err error) bool {
	api, ok := errors.AsType[*narada.APIError](err)
	return ok && api.StatusCode == http.StatusNotFound
}
