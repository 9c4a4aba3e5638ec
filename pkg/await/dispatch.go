package await

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/panics"
	"github.com/narada-cli/narada/pkg/store"
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
	notKept       error       // why it is not retried: the retry could not be stored
	done          chan struct{}

	// Set when done is closed, or the waiter was told of the end.
	id      string
	err     *narada.DispatchError // nil: accepted
	refused bool                  // the store has it as refused
}

// dispatch sends the request, and retries when it was not accepted and the error is
// temporary. A call may outlive ctx by concludeLimit, to get the ID of an accepted task. In
// the pause before a retry the store has the task as refused, so that a process that is
// killed then leaves no doubt.
func (e *Engine) dispatch(ctx context.Context, j Job, w *waiter) *dispatching {
	sending, stopResending := context.WithCancel(ctx)
	calls, stopCall := context.WithCancel(context.WithoutCancel(ctx))
	d := &dispatching{stopResending: stopResending, stopCall: stopCall, done: make(chan struct{})}
	r := retrying{
		retryable: func(err error) bool { return dispatchError(err).Retryable() },
		told: func(err error, in time.Duration) {
			e.keepTask(w, &store.Refuse{Task: w.answer.Task, At: time.Now()})
			d.refused = true
			w.put(resending{dispatchError(err), in})
		},
		before: func(ctx context.Context) error {
			if err := e.o.Again(ctx); err != nil {
				return err
			}
			if d.notKept = e.keepRetry(w, j.MustKeep); d.notKept != nil {
				return d.notKept
			}
			d.refused = false
			d.again.Store(true)
			return nil
		},
		stopped: e.o.Stopped,
	}
	go func() {
		defer close(d.done)
		err := panics.Catch(func() error {
			return r.do(sending, func(context.Context) (err error) {
				call, cancel := context.WithTimeout(calls, dispatchLimit)
				defer cancel()
				d.id, err = e.o.Client.Dispatch(call, j.Request)
				return err
			})
		})
		d.err = d.outcome(err)
		w.put(dispatchEnded{})
	}()
	return d
}

// outcome returns the error of a dispatch that ended with err.
func (d *dispatching) outcome(err error) *narada.DispatchError {
	_, crashed := errors.AsType[*panics.Error](err)
	late, isLate := errors.AsType[*NoTimeError](err)
	switch {
	case err == nil:
		return nil
	case crashed: // perhaps after the call
		return &narada.DispatchError{Maybe: true, Err: err}
	case d.notKept != nil:
		return &narada.DispatchError{Err: d.notKept}
	case isLate:
		return &narada.DispatchError{Err: &NoTimeError{dispatchError(late.Err).Err}}
	}
	return dispatchError(err)
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
