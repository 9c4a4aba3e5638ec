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
	dispatchLimit   = 60 * time.Second // of one dispatch call
	concludeLimit   = time.Second      // grace period of a dispatch call after the wait
	notableFailures = 3                // of status calls in a row
)

// dispatching is a dispatch under way. The waiter is told its outcome.
type dispatching struct {
	stopResending context.CancelFunc // not the call under way
	stopCall      context.CancelFunc
	again         atomic.Bool // sent more than once
	done          chan struct{}

	// Set when done is closed, or the waiter was told of the end.
	id  string
	err *narada.DispatchError // nil: accepted
}

// dispatch sends the request, and retries when it was not accepted and the error is
// temporary. A call may outlive ctx by concludeLimit, to get the ID of an accepted task.
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

// dispatchError returns err as a DispatchError.
func dispatchError(err error) *narada.DispatchError {
	if failure, ok := errors.AsType[*narada.DispatchError](err); ok {
		return failure
	}
	return &narada.DispatchError{Err: err}
}

// conclude waits up to concludeLimit for the call under way.
func (d *dispatching) conclude() {
	timer := time.AfterFunc(concludeLimit, d.stopCall)
	defer timer.Stop()
	<-d.done
}

// stop cancels the dispatch and waits for its end.
func (d *dispatching) stop() {
	d.stopResending()
	d.stopCall()
	<-d.done
}
