package await

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/panics"
	"github.com/narada-cli/narada/pkg/store"
)

// news is a message to a waiter: one of the types below.
type news any

type (
	heard         struct{ Answer } // from a callback, a status call or the store
	dispatchEnded struct{}         // waiter.sent has the outcome
	resending     struct {         // the dispatch failed and is retried
		err error
		in  time.Duration
	}
	pollFailed struct {
		err    error
		inARow int
	}
	pollRefused     struct{ err error } // no more status calls
	callbacksClosed struct{}            // no more callbacks
)

// waiter waits for one task.
type waiter struct {
	mu    sync.Mutex
	queue []news
	wake  chan struct{} // has a token when queue has grown

	// Set before the wait.
	answer   Answer // Task and Ticket; the rest is set at the end
	item     store.Item
	guard    store.Op // nil: none
	known    bool     // the cloud knows the request ID
	once     bool     // any state is an answer
	handOver bool     // the request ID is the answer
	withdraw func()   // called after the wait, ends the ticket

	// Under the engine's lock.
	anyTicket bool // a callback with any ticket may be for the task

	// Used only by the waiting goroutine.
	id        string // request ID, "" until known
	state     taskState
	last      *narada.Result
	asked     map[string]bool // input IDs
	sent      *dispatching    // nil: dispatched earlier
	callEnded func()          // Job.Sent, once
	unwatch   func()          // ends the polling, nil before it starts
	callbacks bool            // they may arrive for this task
	lostBy    error           // why the dispatch's answer is lost
	refusedBy error           // why there are no more status calls
	failure   error           // of the newest status call
	twice     bool            // a second acceptance was reported
	other     bool            // a callback of another task was reported
	oddPolls  bool            // a status answer about another task was reported
	over      error           // cause of the end of the wait's context
}

func newWaiter() *waiter {
	return &waiter{wake: make(chan struct{}, 1), asked: map[string]bool{}, withdraw: func() {}, callEnded: func() {}}
}

// put queues news for the waiter.
func (w *waiter) put(n news) {
	w.mu.Lock()
	w.queue = append(w.queue, n)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default: // a token is there
	}
}

// take empties the queue.
func (w *waiter) take() []news {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.queue
	w.queue = nil
	return list
}

// lost returns why no answer can arrive any more, nil while one can: from a callback, or
// from the cloud if the request ID is known.
func (w *waiter) lost() error {
	switch {
	case w.callbacks || w.state == intended:
		return nil
	case w.state == unknown && w.lostBy == nil: // lost in another process
		return errNoCallbacks
	case w.state == unknown:
		return w.lostBy
	}
	return w.refusedBy
}

// unfinished returns the error of a wait without an answer.
func (w *waiter) unfinished(cause error) error {
	return &UnfinishedError{ID: w.id, Last: w.last, Cause: cause, Failure: w.failure}
}

// sentAgain reports whether the dispatch was retried here.
func (w *waiter) sentAgain() bool { return w.sent != nil && w.sent.again.Load() }

// notable reports whether a failed status call is worth a warning.
func (w *waiter) notable(n pollFailed) bool {
	if odd, ok := errors.AsType[*narada.AnswerError](n.err); !ok || odd.OtherTask == "" {
		return n.inARow == notableFailures
	}
	first := !w.oddPolls
	w.oddPolls = true
	return first
}

// endsWait reports whether a failed status call ends the wait even if a callback may arrive:
// an answer that is too large is so in a callback, too.
func endsWait(err error) bool {
	_, tooLarge := errors.AsType[*narada.TooLargeError](err)
	_, crashed := errors.AsType[*panics.Error](err)
	return tooLarge || crashed
}

// failed returns the error of a wait whose dispatch failed.
func (w *waiter) failed(err *narada.DispatchError) error {
	switch {
	case w.over == nil:
		return err
	case err.Maybe:
		return w.unfinished(w.over)
	case errors.Is(err.Err, w.over):
		return err
	}
	return &narada.DispatchError{Err: fmt.Errorf("%w: %w", w.over, err.Err)}
}

// question returns what a person is asked, and whether it is new.
func (w *waiter) question(r *narada.Result) (input narada.HumanInput, isNew bool) {
	if r.HumanInput != nil {
		input = *r.HumanInput
	}
	isNew = !w.asked[input.InputID]
	w.asked[input.InputID] = true
	return input, isNew
}
