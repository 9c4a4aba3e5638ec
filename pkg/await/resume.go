package await

import (
	"context"
	"iter"
	"sync"

	"github.com/narada-cli/narada/pkg/store"
)

// Dispatched is a task that was dispatched before.
type Dispatched struct {
	Task      int64      // its number in the store
	RequestID string     // "": it is not known, nor whether the task was accepted
	Ticket    string     // path of the ticket that its callback shows, "" when none comes here
	Item      store.Item // its line of a batch; zero: none
}

// Resume waits for the final answer of a task that was dispatched before. What is in
// the store already is read also when ctx has ended. An error is one of the store's,
// or an *UnfinishedError as Run's.
func (e *Engine) Resume(ctx context.Context, d Dispatched) (Answer, error) {
	w := newWaiter()
	w.answer, w.item, w.id = Answer{Task: d.Task, Ticket: d.Ticket}, d.Item, d.RequestID
	if w.state = unknown; w.id != "" {
		w.state = accepted
	}
	e.expect(w) // before the store is read, so that nothing is missed
	if e.o.Store != nil && d.Task != 0 {
		if err := e.recall(context.WithoutCancel(ctx), w); err != nil {
			e.forget(w)
			return w.answer, err
		}
	}
	return e.wait(ctx, w)
}

// recall puts the task's final answer, if it is in the store, into the waiter's queue.
func (e *Engine) recall(ctx context.Context, w *waiter) error {
	r, err := e.o.Store.Final(ctx, store.Task{Number: w.answer.Task})
	if err == nil && r != nil {
		w.put(heard{Answer{Result: r, By: ByCallback}})
	}
	return err
}

// Await waits for the final answers of tasks by their request IDs, all at once, and
// yields them in the order of the IDs. What is in the store already, and what comes
// in at other processes, is an answer too. An error is an *UnfinishedError.
func (e *Engine) Await(ctx context.Context, ids ...string) iter.Seq2[Answer, error] {
	return e.each(ctx, ids, false)
}

// LookUp asks the cloud how tasks stand, again where that may help, and yields an
// answer for each, final or not, in the order of the IDs. An error is an
// *UnfinishedError.
func (e *Engine) LookUp(ctx context.Context, ids ...string) iter.Seq2[Answer, error] {
	return e.each(ctx, ids, true)
}

func (e *Engine) each(ctx context.Context, ids []string, once bool) iter.Seq2[Answer, error] {
	return func(yield func(Answer, error) bool) {
		waiters := make([]*waiter, len(ids))
		for i, id := range ids {
			w := newWaiter()
			w.id, w.state, w.known, w.once = id, accepted, true, once
			waiters[i] = w
			e.expect(w)
		}
		if !once {
			e.followOthers(func() error { return e.recallAll(ctx, waiters) })
		}
		var waits sync.WaitGroup
		defer waits.Wait()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		type outcome struct {
			answer Answer
			err    error
		}
		outcomes := make([]chan outcome, len(ids))
		for i, w := range waiters {
			outcomes[i] = make(chan outcome, 1)
			waits.Go(func() {
				a, err := e.wait(ctx, w)
				outcomes[i] <- outcome{a, err}
			})
		}
		for _, c := range outcomes {
			if o := <-c; !yield(o.answer, o.err) {
				return
			}
		}
	}
}

// recallAll finds the tickets of tasks that are known by their request IDs, and the
// answers that are there already.
func (e *Engine) recallAll(ctx context.Context, waiters []*waiter) error {
	for _, w := range waiters {
		t, _, err := e.o.Store.Task(ctx, w.id)
		if err != nil {
			return err
		}
		e.mu.Lock()
		w.answer.Task, w.answer.Ticket, w.anyTicket = t.Number, t.TicketPath, t.TicketPath == ""
		e.mu.Unlock()
		e.expect(w)
		if t.Open() {
			continue
		}
		if err := e.recall(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// followOthers takes the callbacks for our tasks that come in at other processes from
// now on; prepare comes before the first.
func (e *Engine) followOthers(prepare func() error) {
	if e.o.Store == nil {
		return
	}
	after, err := e.o.Store.Last(e.running)
	if err == nil {
		err = prepare()
	}
	if err != nil {
		e.o.Report(StoreFailed{LossOtherCallbacks, err})
		return
	}
	e.following.Go(func() {
		for entry, err := range e.o.Store.FollowOthers(e.running, after) {
			if err != nil {
				e.o.Report(StoreFailed{LossOtherCallbacks, err})
				return
			}
			if w := e.waiterOf(entry.Path, entry.Result); w != nil {
				w.put(heard{Answer{Result: entry.Result, By: ByCallback}})
			}
		}
	})
}
