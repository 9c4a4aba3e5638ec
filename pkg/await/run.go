package await

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Task is what Run dispatches.
type Task struct {
	Request *narada.Request
	Ticket  webhook.Ticket // zero: no callback is expected

	// Deaf is closed when no callback can come any more; nil: one always can.
	Deaf <-chan struct{}
}

// Observer is told what happens while a task runs. Its methods are called by
// one goroutine at a time.
type Observer interface {
	// Accepted is told the request ID: by callback, when the dispatch call's
	// answer is not there yet, or is lost.
	Accepted(id string, by Way)
	// Resending is told that a dispatch call failed and nothing was accepted.
	Resending(err error, in time.Duration)
	// AnswerLost is told that the dispatch call failed, and a callback may tell.
	AnswerLost(err error)
	// AcceptedTwice is told of an ID beside the one that a callback had named: a
	// dispatch that the cloud refused, and was sent again, had been accepted. It is
	// told "" when that may have happened, and nobody knows the ID.
	AcceptedTwice(id string)
	// HumanAsked is told of a person being asked, once per input ID.
	HumanAsked(id string, input narada.HumanInput)
}

// Runner runs tasks one by one or many at once.
type Runner struct {
	Dispatch func(context.Context, *narada.Request) (id string, err error)
	Desk     *Desk
	Poller   *Poller

	// Again is called before a dispatch is sent again, and may make it wait until its
	// ctx ends; nil: it does not.
	Again func(context.Context) error
}

// UnfinishedError is a wait that ended before the task did.
type UnfinishedError struct {
	ID    string         // "" when it is not known whether the task was accepted
	Last  *narada.Result // newest state heard of, nil when none was
	Cause error          // of the context's end, or the refusal
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
// an *UnfinishedError when ctx ended before the task did, or neither the cloud nor
// a callback can tell of it any more.
func (r *Runner) Run(ctx context.Context, t Task, o Observer) (Answer, error) {
	claim := r.Desk.Expect(t.Ticket)
	defer claim.Close()
	sent := r.dispatch(ctx, t.Request)
	defer sent.stop()

	defer r.Poller.LookBefore(ctx, func() []string { return []string{claim.ID()} })()
	stopWatching := func() {}
	defer func() { stopWatching() }()
	asked := func(input narada.HumanInput) { o.HumanAsked(claim.ID(), input) }
	named, deaf := claim.named, t.Deaf
	way := ByCallback
	var lost *narada.DispatchError // the dispatch's answer, which a callback may make up for

	for {
		select {
		case <-claim.done:
			claim.tellHuman(asked)
			sent.tellTwice(claim.ID(), o)
			return claim.conclude()
		case id := <-sent.id:
			if known := claim.ID(); known != "" && known != id {
				o.AcceptedTwice(id)
				continue
			}
			way = ByPoll
			claim.Named(id)
		case resend := <-sent.resending:
			o.Resending(resend.err, resend.in)
		case err := <-sent.failed:
			switch {
			case claim.ID() != "": // a callback has proved that it was accepted
			case !err.Maybe || t.Ticket.Path == "" || t.Deaf != nil && deaf == nil:
				return Answer{}, err
			default:
				lost = err
				o.AnswerLost(err)
			}
		case <-deaf:
			deaf = nil
			if lost != nil && claim.ID() == "" {
				return Answer{}, &UnfinishedError{Cause: lost}
			}
		case <-named:
			named = nil
			sent.enough()
			o.Accepted(claim.ID(), way)
			stopWatching = r.Poller.Watch(claim.ID(), r.Poller.First())
		case <-claim.update:
			claim.tellHuman(asked)
		case <-ctx.Done():
			return unfinished(ctx, claim, sent)
		}
	}
}

// unfinished says how the task stands when the wait has ended.
func unfinished(ctx context.Context, claim *Claim, sent *dispatching) (Answer, error) {
	id, err := sent.conclude()
	claim.Named(id)
	if claim.Done() { // in the same moment
		return claim.conclude()
	}
	if claim.ID() == "" && err != nil && !err.Maybe {
		return Answer{}, &narada.DispatchError{Err: fmt.Errorf("%w: %w", context.Cause(ctx), err.Err)}
	}
	return Answer{}, &UnfinishedError{ID: claim.ID(), Last: claim.Last(), Cause: context.Cause(ctx)}
}

// conclude is outcome for a task that was dispatched: it goes on when the cloud
// refuses to tell of it.
func (c *Claim) conclude() (Answer, error) {
	a, err := c.outcome()
	if err != nil {
		return Answer{}, &UnfinishedError{ID: c.ID(), Last: c.Last(), Cause: err}
	}
	return a, nil
}

// NotFound reports whether the cloud does not know the request ID, which may
// pass in the moments after it was given out.
func NotFound(err error) bool {
	api, ok := errors.AsType[*narada.APIError](err)
	return ok && api.StatusCode == http.StatusNotFound
}
