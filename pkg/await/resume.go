package await

import (
	"context"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/narada-cli/narada/pkg/panics"
	"github.com/narada-cli/narada/pkg/store"
)

// Dispatched is a task that was dispatched earlier.
type Dispatched struct {
	Task      int64      // number in the store
	RequestID string     // "" if it is not known whether the task was accepted
	Ticket    string     // path of its ticket, "" if its callback does not arrive here
	Item      store.Item // its line in a batch; zero: none
	Guard     store.Op   // as that of a Job
}

// Resume waits for the final answer of a task that was dispatched earlier. The store is read
// even if ctx has ended. The error is the store's, or an *UnfinishedError as from Run.
func (e *Engine) Resume(ctx context.Context, d Dispatched) (Answer, error) {
	w := newWaiter()
	w.answer, w.item, w.id, w.guard = Answer{Task: d.Task, Ticket: d.Ticket}, d.Item, d.RequestID, d.Guard
	if w.state = unknown; w.id != "" {
		w.state = accepted
	}
	e.expect(w) // before reading the store, to miss nothing
	if e.o.Store != nil && d.Task != 0 {
		if err := e.recall(context.WithoutCancel(ctx), w); err != nil {
			e.forget(w)
			return w.answer, err
		}
	}
	return e.wait(ctx, w)
}

// recall tells the waiter its task's final answer, if it is in the store.
func (e *Engine) recall(ctx context.Context, w *waiter) error {
	r, err := e.o.Store.Final(ctx, store.Task{Number: w.answer.Task})
	if err == nil && r != nil {
		w.put(heard{Answer{Result: r, By: ByCallback}})
	}
	return err
}

// Await waits for the final answers of tasks by their request IDs, concurrently, and yields
// them in the order of the IDs. Answers in the store, and callbacks that other processes
// receive, count too. An error is an *UnfinishedError.
func (e *Engine) Await(ctx context.Context, ids ...string) iter.Seq2[Answer, error] {
	return e.each(ctx, ids, false)
}

// LookUp polls for the state of tasks, with retries, and yields an answer for each, final
// or not, in the order of the IDs. An error is an *UnfinishedError.
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

// recallAll reads the tickets and final answers of the waiters' tasks from the store.
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

// followOthers follows the callbacks that other processes receive for our tasks. It calls
// prepare before the first.
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
		if err := panics.Catch(func() error { return e.follow(after) }); err != nil {
			e.o.Report(StoreFailed{LossOtherCallbacks, err})
		}
	})
}

// wanted returns the callbacks that other processes may receive for our tasks.
func (e *Engine) wanted() (w store.Wanted) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w.Paths = slices.Collect(maps.Keys(e.byTicket))
	for id, waiters := range e.byID {
		if slices.ContainsFunc(waiters, func(one *waiter) bool { return one.anyTicket }) {
			w.RequestIDs = append(w.RequestIDs, id)
		}
	}
	return w
}

func (e *Engine) follow(after int64) error {
	for entry, err := range e.o.Store.FollowOthers(e.running, after, e.wanted) {
		if err != nil {
			return err
		}
		if w := e.waiterOf(entry.Path, entry.Result); w != nil {
			w.put(heard{Answer{Result: entry.Result, By: ByCallback}})
		}
	}
	return nil
}
