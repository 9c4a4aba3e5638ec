package sqlite

import (
	"context"
	"errors"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

// write is a change of the ledger: deliveries, do or after.
type write struct {
	deliveries []*engine.Delivery      // callbacks, stored together with those of other writes
	do         func(transaction) error // applied whole or not at all
	after      func(transaction) error // run after the transaction

	err    error              // of do or after
	stored []*engine.Delivery // by do
}

// writer commits groups of writes.
type writer struct {
	*engine.Groups[*write]
	ledger *Store
	stored func(store.Entry)
}

func newWriter(l *Store, stored func(store.Entry)) *writer {
	if stored == nil {
		stored = func(store.Entry) {}
	}
	w := &writer{ledger: l, stored: stored}
	w.Groups = engine.NewGroups(func(one *write) bool { return one.deliveries != nil }, w.commit)
	return w
}

// put returns when the write is durable or has failed; see engine.Groups. busyLimit bounds
// the wait.
func (w *writer) put(ctx context.Context, one *write) error {
	return newError(w.ledger.path, w.Put(ctx, one))
}

// refuseLost sets the error of the group's callbacks, and returns its other writes, if the
// file is not at its path. A refused callback must not be in the file: if that is put back,
// the callback would be a repeat there when it is sent again, which nobody prints.
func (w *writer) refuseLost(group []*write) (others []*write) {
	err := w.ledger.checkIdentity()
	if err == nil {
		return group
	}
	for _, one := range group {
		if one.err = err; len(one.deliveries) == 0 {
			one.err = nil
			others = append(others, one)
		}
	}
	return others
}

// commit commits the group in one transaction and returns the errors of its writes.
func (w *writer) commit(group []*write) []error {
	if others := w.refuseLost(group); len(others) > 0 {
		w.commitAll(others)
	}
	errs := make([]error, len(group))
	for i, one := range group {
		errs[i] = newError(w.ledger.path, one.err)
	}
	return errs
}

// commitAll commits the group in one transaction and sets the errors of its writes. If one
// of them fails, it starts again with each in a savepoint, which takes longer.
func (w *writer) commitAll(group []*write) {
	stored, err := w.transact(group, false)
	if _, ok := errors.AsType[*groupError](err); ok {
		stored, err = w.transact(group, true)
	}
	if err == nil {
		err = w.ledger.checkIdentity()
	}
	if err != nil {
		stored = nil
	}
	for _, d := range stored {
		if !d.Op.Forwarding.Unlisted {
			w.stored(d.Entry())
		}
	}
	for _, one := range group {
		if one.after != nil {
			one.err = one.after(transaction{w.ledger})
		}
		one.err = errors.Join(err, one.err)
	}
}

// groupError is the error of a write that was not isolated from others.
type groupError struct{ error }

// transact returns the stored deliveries in order.
func (w *writer) transact(group []*write, isolated bool) (stored []*engine.Delivery, err error) {
	tx, err := w.ledger.begin()
	if err != nil {
		return nil, err
	}
	var deliveries []*engine.Delivery
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
	w.ledger.own.Note(stored, true)
	if err := tx.run("COMMIT"); err != nil {
		w.ledger.own.Note(stored, false)
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
