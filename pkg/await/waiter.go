package await

import (
	"fmt"
	"sync"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// news is what a waiter is told: one of the types below.
type news any

type (
	heard         struct{ Answer } // of a callback, a status call or the store
	dispatchEnded struct{}         // waiter.sent says how
	resending     struct {         // the dispatch failed, and is sent again
		err error
		in  time.Duration
	}
	pollFailed struct {
		err    error
		inARow int
	}
	pollRefused     struct{ err error } // there will be no more status calls
	callbacksClosed struct{}            // there will be no more callbacks
)

// waiter is the wait for one task. Anybody may put news into its queue.
type waiter struct {
	mu    sync.Mutex
	queue []news
	wake  chan struct{} // a token when queue grows

	// Set before the wait.
	answer   Answer // Task and Ticket; the rest at the end
	item     store.Item
	known    bool // the cloud has had the time to know the request ID
	once     bool // any state is the answer
	handOver bool // so is the request ID

	// Under the engine's lock.
	anyTicket bool // a callback in the store that shows no waiter's ticket may be the task's

	// Of the goroutine that waits.
	id string // request ID, "" while it is not known

	state     taskState
	last      *narada.Result
	asked     map[string]bool // input IDs
	sent      *dispatching    // nil: the task was dispatched before
	callEnded func()          // Job.Sent, once
	unwatch   func()          // ends the polling, nil before it
	callbacks bool            // they may come for this task
	lostBy    error           // why the dispatch's answer is lost
	refusedBy error           // why there are no more status calls
	failure   error           // of the newest status call
	twice     bool            // a second acceptance was reported
	over      error           // cause of the end of the wait's context
}

func newWaiter() *waiter {
	return &waiter{wake: make(chan struct{}, 1), asked: map[string]bool{}, callEnded: func() {}}
}

// put tells the waiter.
func (w *waiter) put(n news) {
	w.mu.Lock()
	w.queue = append(w.queue, n)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default: // a token is there
	}
}

// take returns what was put since the last call.
func (w *waiter) take() []news {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.queue
	w.queue = nil
	return list
}

// lost returns why nobody can tell of the task any more, nil while somebody can: a
// callback of one whose request ID is not known, the cloud or a callback of another.
func (w *waiter) lost() error {
	switch {
	case w.callbacks || w.state == intended:
		return nil
	case w.state == unknown && w.lostBy == nil: // in another process's time
		return errNoCallbacks
	case w.state == unknown:
		return w.lostBy
	}
	return w.refusedBy
}

// unfinished is the wait's end without an answer.
func (w *waiter) unfinished(cause error) error {
	return &UnfinishedError{ID: w.id, Last: w.last, Cause: cause, Failure: w.failure}
}

// failed is the wait's end by a dispatch that failed, as far as it has one.
func (w *waiter) failed(err *narada.DispatchError) error {
	switch {
	case w.over == nil:
		return err
	case err.Maybe:
		return w.unfinished(w.over)
	}
	return &narada.DispatchError{Err: fmt.Errorf("%w: %w", w.over, err.Err)}
}

// question is what a person is asked, if it is new.
func (w *waiter) question(r *narada.Result) (input narada.HumanInput, isNew bool) {
	if r.HumanInput != nil {
		input = *r.HumanInput
	}
	isNew = !w.asked[input.InputID]
	w.asked[input.InputID] = true
	return input, isNew
}
