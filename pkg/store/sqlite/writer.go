package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/narada-cli/narada/pkg/store"
)

// The limits of a group: so many writes have one transaction and one sync.
const (
	maxGroup     = 256
	maxGroupWait = 5 * time.Millisecond // for others to come
)

// write is what somebody wants to be in the ledger.
type write struct {
	deliveries []*delivery             // callbacks, which those of others are stored together with; or
	do         func(transaction) error // what is done whole or not at all, or
	after      func(transaction) error // what is done between two transactions
	done       chan error              // has room for one

	err    error       // of do or after
	stored []*delivery // by do
}

// writer is the one goroutine that writes. What comes while it waits for the
// disk it writes together.
type writer struct {
	ledger  *Store
	stored  func(store.Entry)
	senders senders
	writes  chan *write
	quit    chan struct{}
	ended   chan struct{}
}

func newWriter(l *Store, stored func(store.Entry)) *writer {
	if stored == nil {
		stored = func(store.Entry) {}
	}
	w := &writer{ledger: l, stored: stored, writes: make(chan *write, maxGroup), quit: make(chan struct{}), ended: make(chan struct{})}
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
			w.senders.answered(group, time.Now())
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
func (w *writer) gather(first *write, timer *time.Timer) (group []*write) {
	timer.Reset(maxGroupWait)
	defer timer.Stop()
	for next := first; next != nil; next = w.next(len(group), timer) {
		group = append(group, next)
		w.senders.arrived(next)
	}
	return group
}

// next is the next write of a group of that size; nil: it has no more.
func (w *writer) next(size int, timer *time.Timer) *write {
	if size == maxGroup {
		return nil
	}
	select {
	case one := <-w.writes:
		return one
	default:
	}
	if w.senders.enough(size, time.Now()) {
		return nil
	}
	select {
	case one := <-w.writes:
		return one
	case <-timer.C:
		return nil
	}
}

// commit writes the group in one transaction, and tells everybody. Where one of
// them fails it is done anew, each isolated from the others, which takes longer.
func (w *writer) commit(group []*write) {
	stored, err := w.transact(group, false)
	if _, ok := errors.AsType[*groupError](err); ok {
		stored, err = w.transact(group, true)
	}
	err = newError(w.ledger.path, err)
	for _, d := range stored {
		if !d.op.Forwarding.Unlisted {
			w.stored(d.entry())
		}
	}
	for _, one := range group {
		if one.after != nil {
			one.err = one.after(transaction{w.ledger})
		}
		one.done <- errors.Join(err, newError(w.ledger.path, one.err))
	}
}

// groupError is that a write has failed which was not isolated from the others.
type groupError struct{ error }

// transact returns the deliveries that were stored, in their order.
func (w *writer) transact(group []*write, isolated bool) (stored []*delivery, err error) {
	tx, err := w.ledger.begin()
	if err != nil {
		return nil, err
	}
	var deliveries []*delivery
	for _, one := range group {
		deliveries = append(deliveries, one.deliveries...)
	}
	if stored, err = w.ledger.insertDeliveries(tx, deliveries); err != nil {
		return nil, w.undo(tx, err)
	}
	for _, one := range group {
		if one.do == nil {
			continue
		}
		if err := w.do(tx, one, isolated, len(group) > 1); err != nil {
			return nil, w.undo(tx, err)
		}
		stored = append(stored, one.stored...)
	}
	// Whoever follows the callbacks of others may see these before commit has returned.
	w.ledger.own.note(stored, true)
	if err := tx.run("COMMIT"); err != nil {
		w.ledger.own.note(stored, false)
		return nil, w.undo(tx, err)
	}
	return stored, nil
}

// do does one write of a group. Its error is that the transaction as a whole is lost.
func (w *writer) do(tx transaction, one *write, isolated, grouped bool) error {
	one.stored = nil
	if !isolated {
		err := one.do(tx)
		if err != nil && grouped {
			return &groupError{err}
		}
		return err
	}
	failed, err := tx.isolated(one.do)
	if one.err = failed; failed != nil {
		one.stored = nil
		w.ledger.unindexed.forget(0)
	}
	return err
}

// undo takes the transaction back, and what the writer has in mind of it.
func (w *writer) undo(tx transaction, err error) error {
	w.ledger.unindexed.forget(0)
	return errors.Join(err, tx.run("ROLLBACK"))
}
