package await

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// The limits of a dispatch.
const (
	dispatchLimit  = 60 * time.Second       // for one dispatch call
	resendFirst    = 500 * time.Millisecond // before a dispatch is sent again
	resendMost     = 10 * time.Second
	unreachableFor = 30 * time.Second // that an API which cannot be reached is tried
	concludeWithin = time.Second      // that a dispatch call is left when nobody waits any more
)

// resend is a dispatch that will be sent again.
type resend struct {
	err error
	in  time.Duration
}

// dispatching is a dispatch that is under way. Exactly one of id and failed
// gets a value, unless nobody waits any more.
type dispatching struct {
	id        chan string
	failed    chan *narada.DispatchError
	resending chan resend
	accepted  chan struct{} // closed by enough
	cancel    context.CancelFunc
	done      chan struct{}
	again     atomic.Bool // it was sent more than once

	lastID  string // after done
	lastErr *narada.DispatchError
}

// dispatch sends the request, again when it surely was not accepted and the
// cause may pass. The calls outlive ctx by up to a second: what may have been
// accepted is worth a moment to learn its ID.
func (r *Runner) dispatch(ctx context.Context, request *narada.Request) *dispatching {
	calls, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d := &dispatching{
		id: make(chan string, 1), failed: make(chan *narada.DispatchError, 1), resending: make(chan resend),
		accepted: make(chan struct{}), cancel: cancel, done: make(chan struct{}),
	}
	go func() {
		defer close(d.done)
		d.lastID, d.lastErr = r.send(ctx, calls, request, d)
		if d.lastErr != nil {
			d.failed <- d.lastErr
			return
		}
		d.id <- d.lastID
	}()
	return d
}

func (r *Runner) send(ctx, calls context.Context, request *narada.Request, d *dispatching) (string, *narada.DispatchError) {
	intervals := newBackoff(resendFirst, resendMost)
	start := time.Now()
	failure := &narada.DispatchError{Err: context.Cause(ctx)}
	for ctx.Err() == nil {
		call, cancel := context.WithTimeout(calls, dispatchLimit)
		id, err := r.Dispatch(call, request)
		cancel()
		if err == nil {
			return id, nil
		}
		var ok bool
		if failure, ok = errors.AsType[*narada.DispatchError](err); !ok {
			failure = &narada.DispatchError{Err: err}
		}
		pause := max(intervals.NextBackOff(), retryAfter(err))
		if !failure.Retryable() {
			break
		}
		if endsWithin(ctx, pause) {
			failure = &narada.DispatchError{Err: &NoTimeError{failure.Err}}
			break
		}
		if !worthwhile(ctx, failure, start, pause) || !d.pause(ctx, calls, resend{failure, pause}) {
			break
		}
		if r.Again != nil && r.Again(ctx) != nil {
			break
		}
		d.again.Store(true)
	}
	return "", failure
}

// pause tells of the resend and waits for its time. It is false when there is to
// be none: nobody waits any more, or a callback has proved that the task was
// accepted.
func (d *dispatching) pause(ctx, calls context.Context, again resend) bool {
	timer := time.NewTimer(again.in)
	defer timer.Stop()
	tell := d.resending
	select {
	case <-d.accepted:
		return false
	default:
	}
	for {
		select {
		case tell <- again:
			tell = nil
		case <-timer.C:
			return true
		case <-d.accepted:
			return false
		case <-ctx.Done():
			return false
		case <-calls.Done():
			return false
		}
	}
}

// enough ends the sending again. A call that is under way goes on. It may be
// called once.
func (d *dispatching) enough() { close(d.accepted) }

// conclude waits a moment for a call that is under way and returns what came of
// the dispatch.
func (d *dispatching) conclude() (string, *narada.DispatchError) {
	timer := time.AfterFunc(concludeWithin, d.cancel)
	defer timer.Stop()
	<-d.done
	return d.lastID, d.lastErr
}

// tellTwice is for a task whose callback says that it has finished, while a
// dispatch that was sent again is under way: the cloud may accept that one too.
func (d *dispatching) tellTwice(id string, o Observer) {
	if !d.again.Load() {
		return
	}
	select {
	case <-d.done:
		return // it was told when it came
	default:
	}
	switch other, err := d.conclude(); {
	case err == nil && other != id:
		o.AcceptedTwice(other)
	case err != nil && err.Maybe:
		o.AcceptedTwice("")
	}
}

// NoTimeError is a dispatch that was not sent again although it might have been:
// the time limit leaves no room for another attempt.
type NoTimeError struct{ Err error }

func (e *NoTimeError) Error() string {
	return e.Err.Error() + "; the time limit leaves no room for another attempt"
}

// Unwrap returns the last attempt's error.
func (e *NoTimeError) Unwrap() error { return e.Err }

// stop ends the dispatch, and waits for it to have ended.
func (d *dispatching) stop() {
	d.cancel()
	<-d.done
}

// Submit dispatches the request without waiting for the task. When ctx ends it
// gives a call that is under way another second to learn the ID; the ID then comes
// with the error of ctx's end. Other errors are *narada.DispatchErrors.
func (r *Runner) Submit(ctx context.Context, request *narada.Request, o Observer) (id string, err error) {
	sent := r.dispatch(ctx, request)
	defer sent.stop()
	for {
		select {
		case id := <-sent.id:
			return id, nil
		case err := <-sent.failed:
			return "", err
		case resend := <-sent.resending:
			o.Resending(resend.err, resend.in)
		case <-ctx.Done():
			id, failure := sent.conclude()
			if failure == nil {
				return id, context.Cause(ctx)
			}
			return "", &narada.DispatchError{Maybe: failure.Maybe, Err: fmt.Errorf("%w: %w", context.Cause(ctx), failure.Err)}
		}
	}
}
