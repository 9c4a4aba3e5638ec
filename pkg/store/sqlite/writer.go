package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/narada-cli/narada/pkg/store"
)

// The limits of a group: so many writes have one transaction and one sync.
const (
	groupMost = 256
	groupWait = 5 * time.Millisecond // at the most, for company
)

// write is what somebody wants to be in the ledger.
type write struct {
	delivery *arrival                // a callback, or
	do       func(transaction) error // what is done whole or not at all, or
	after    func(transaction) error // what is done between two transactions
	done     chan error              // has room for one

	err error // of do or after
}

// writer is the one goroutine that writes. What comes while it waits for the
// disk it writes together.
type writer struct {
	ledger  *Store
	stored  func(store.Entry)
	company company
	writes  chan *write
	quit    chan struct{}
	ended   chan struct{}
}

func newWriter(l *Store, stored func(store.Entry)) *writer {
	if stored == nil {
		stored = func(store.Entry) {}
	}
	w := &writer{ledger: l, stored: stored, writes: make(chan *write, groupMost), quit: make(chan struct{}), ended: make(chan struct{})}
	go w.run()
	return w
}

func (w *writer) close() {
	close(w.quit)
	<-w.ended
}

// put returns when the write is durable, or has failed. Once it is queued ctx does
// not end the wait, which the disk bounds and the time limit for other processes:
// somebody who has left must not be told otherwise than what is.
func (w *writer) put(ctx context.Context, one *write) error {
	one.done = make(chan error, 1)
	select {
	case w.writes <- one:
	case <-w.ended:
		return newError(w.ledger.path, errClosed)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-one.done:
		return err
	case <-w.ended: // unless it was among the last
		select {
		case err := <-one.done:
			return err
		default:
			return newError(w.ledger.path, errClosed)
		}
	}
}

func (w *writer) run() {
	defer close(w.ended)
	timer := time.NewTimer(0)
	<-timer.C
	for {
		select {
		case first := <-w.writes:
			group := w.gather(first, timer)
			w.commit(group)
			w.company.answered(group, time.Now())
		case <-w.quit:
			for {
				select {
				case one := <-w.writes:
					w.commit([]*write{one})
				default:
					return
				}
			}
		}
	}
}

// gather takes what has come, and waits a moment for those who should.
func (w *writer) gather(first *write, timer *time.Timer) []*write {
	group := []*write{first}
	w.company.came(first)
	timer.Reset(groupWait)
	defer timer.Stop()
	for len(group) < groupMost {
		select {
		case one := <-w.writes:
			group = append(group, one)
			w.company.came(one)
			continue
		default:
		}
		if w.company.enough(len(group), time.Now()) {
			break
		}
		select {
		case one := <-w.writes:
			group = append(group, one)
			w.company.came(one)
		case <-timer.C:
			return group
		}
	}
	return group
}

// commit writes the group in one transaction, and tells everybody. Where one of
// them fails it is done anew, each apart from the others, which takes longer.
func (w *writer) commit(group []*write) {
	fresh, err := w.transact(group, false)
	if _, ok := errors.AsType[*togetherError](err); ok {
		fresh, err = w.transact(group, true)
	}
	err = newError(w.ledger.path, err)
	w.ledger.own.add(fresh)
	for _, a := range fresh {
		if !a.forwarding.Unlisted {
			w.stored(a.entry())
		}
	}
	for _, one := range group {
		if one.after != nil {
			one.err = one.after(transaction{w.ledger})
		}
		one.done <- errors.Join(err, newError(w.ledger.path, one.err))
	}
}

// togetherError is that a write has failed which was not apart from the others.
type togetherError struct{ error }

func (w *writer) transact(group []*write, apart bool) ([]*arrival, error) {
	tx, err := w.ledger.begin()
	if err != nil {
		return nil, err
	}
	var arrivals []*arrival
	for _, one := range group {
		if one.delivery != nil {
			arrivals = append(arrivals, one.delivery)
		}
	}
	fresh, err := w.ledger.insertDeliveries(tx, arrivals)
	if err != nil {
		return nil, w.undo(tx, err)
	}
	for _, one := range group {
		if one.do == nil {
			continue
		}
		switch {
		case apart:
			one.err, err = tx.apart(one.do)
		case len(group) > 1:
			if failed := one.do(tx); failed != nil {
				err = &togetherError{failed}
			}
		default:
			err = one.do(tx)
		}
		if err != nil {
			return nil, w.undo(tx, err)
		}
	}
	if err := tx.commit(); err != nil {
		return nil, w.undo(tx, err)
	}
	return fresh, nil
}

// undo takes the transaction back, and what the writer has in mind of it.
func (w *writer) undo(tx transaction, err error) error {
	w.ledger.unfiled.forget(0)
	return errors.Join(err, tx.rollback())
}
