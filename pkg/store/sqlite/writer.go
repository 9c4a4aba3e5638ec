package sqlite

import (
	"context"
	"errors"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/narada-cli/narada/pkg/store"
)

// The limits of a group of writes, which have one transaction and one sync.
const (
	maxGroup     = 256
	maxGroupWait = 5 * time.Millisecond // for more writes
)

// write is a change of the ledger: deliveries, do or after.
type write struct {
	deliveries []*delivery             // callbacks, stored together with those of other writes
	do         func(transaction) error // applied whole or not at all
	after      func(transaction) error // run after the transaction
	done       chan error              // buffered

	err    error       // of do or after
	stored []*delivery // by do
}

// writer is the one goroutine that writes. It commits together what arrives while it waits
// for the disk.
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

// put returns when the write is durable or has failed. Once it is queued, the end of ctx
// is ignored, so that the result is known; the disk and busyLimit bound the wait.
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
	case <-w.ended: // it may have been among the last
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
	for {
		select {
		case first := <-w.writes:
			group := w.gather(first)
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

// gather takes the writes that have arrived, and waits a moment for expected ones.
func (w *writer) gather(first *write) (group []*write) {
	limit := time.After(maxGroupWait)
	for next := first; next != nil; next = w.next(len(group), limit) {
		group = append(group, next)
		w.senders.arrived(next)
	}
	return group
}

// next returns the next write for a group of that size, nil if the group is complete.
func (w *writer) next(size int, limit <-chan time.Time) *write {
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
	case <-limit:
		return nil
	}
}

// withoutLost refuses the callbacks of the group, and returns its other writes, if the file
// is not at its path. A refused callback must not be in the file: if that is put back, the
// callback would be a repeat there when it is sent again, which nobody prints.
func (w *writer) withoutLost(group []*write) (others []*write) {
	err := newError(w.ledger.path, w.ledger.checkIdentity())
	if err == nil {
		return group
	}
	for _, one := range group {
		if len(one.deliveries) > 0 {
			one.done <- err
		} else {
			others = append(others, one)
		}
	}
	return others
}

// commit commits the group in one transaction and reports to its callers. If one of the
// writes fails, it starts again with each in a savepoint, which takes longer.
func (w *writer) commit(group []*write) {
	if group = w.withoutLost(group); len(group) == 0 {
		return
	}
	stored, err := w.transact(group, false)
	if _, ok := errors.AsType[*groupError](err); ok {
		stored, err = w.transact(group, true)
	}
	if err == nil {
		err = w.ledger.checkIdentity()
	}
	if err = newError(w.ledger.path, err); err != nil {
		stored = nil
	}
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

// groupError is the error of a write that was not isolated from others.
type groupError struct{ error }

// transact returns the stored deliveries in order.
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
	// A follower may see these before COMMIT returns.
	w.ledger.own.note(stored, true)
	if err := tx.run("COMMIT"); err != nil {
		w.ledger.own.note(stored, false)
		return nil, w.undo(tx, err)
	}
	return stored, nil
}

// do applies one write of a group. An error means that the whole transaction is lost.
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

// undo rolls the transaction back, and drops the memory of its callbacks.
func (w *writer) undo(tx transaction, err error) error {
	w.ledger.unindexed.forget(0)
	if undone := tx.run("ROLLBACK"); resultCode(undone) != sqlite3.SQLITE_ERROR { // else SQLite has done it
		err = errors.Join(err, undone)
	}
	return err
}
