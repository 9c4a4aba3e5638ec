package await

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// The limits of a dispatch.
const (
	dispatchLimit   = 60 * time.Second // for one dispatch call
	concludeLimit   = time.Second      // that a dispatch call is left when nobody waits any more
	notableFailures = 3                // of status calls in a row
)

// dispatching is a dispatch that is under way. What comes of it is told to the waiter
// too.
type dispatching struct {
	stopResending context.CancelFunc // a call that is under way goes on
	stopCall      context.CancelFunc
	again         atomic.Bool // it was sent more than once
	done          chan struct{}

	// Once done is closed, or the waiter has heard of the end:
	id  string
	err *narada.DispatchError // nil: it was accepted
}

// dispatch sends the request, again when it surely was not accepted and the cause may
// pass. The calls outlive ctx by up to a second: what may have been accepted is worth
// a moment to learn its ID.
func (e *Engine) dispatch(ctx context.Context, request *narada.Request, w *waiter) *dispatching {
	sending, stopResending := context.WithCancel(ctx)
	calls, stopCall := context.WithCancel(context.WithoutCancel(ctx))
	d := &dispatching{stopResending: stopResending, stopCall: stopCall, done: make(chan struct{})}
	r := retrying{
		retryable: func(err error) bool { return dispatchError(err).Retryable() },
		told:      func(err error, in time.Duration) { w.put(resending{dispatchError(err), in}) },
		before: func(ctx context.Context) error {
			err := e.o.Again(ctx)
			if err == nil {
				d.again.Store(true)
			}
			return err
		},
	}
	go func() {
		defer close(d.done)
		err := r.do(sending, func(context.Context) (err error) {
			call, cancel := context.WithTimeout(calls, dispatchLimit)
			defer cancel()
			d.id, err = e.o.Client.Dispatch(call, request)
			return err
		})
		late, isLate := errors.AsType[*NoTimeError](err)
		switch {
		case isLate:
			d.err = &narada.DispatchError{Err: &NoTimeError{dispatchError(late.Err).Err}}
		case err != nil:
			d.err = dispatchError(err)
		}
		w.put(dispatchEnded{})
	}()
	return d
}

// dispatchError is what a dispatch failed with.
func dispatchError(err error) *narada.DispatchError {
	if failure, ok := errors.AsType[*narada.DispatchError](err); ok {
		return failure
	}
	return &narada.DispatchError{Err: err}
}

// conclude waits a moment for a call that is under way.
func (d *dispatching) conclude() {
	timer := time.AfterFunc(concludeLimit, d.stopCall)
	defer timer.Stop()
	<-d.done
}

// stop ends the dispatch, and waits for it to have ended.
func (d *dispatching) stop() {
	d.stopResending()
	d.stopCall()
	<-d.done
}
