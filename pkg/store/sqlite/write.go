package sqlite

import (
	"context"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

// Write implements store.Writer. The error is an *Error.
func (l *Store) Write(ctx context.Context, ops ...store.Op) error {
	if len(ops) == 0 {
		return nil
	}
	if err := l.indexForwards(ctx, ops); err != nil {
		return err
	}
	one, err := newWrite(ops, l.mask)
	if err != nil {
		return newError(l.path, err)
	}
	if err := l.writer.put(ctx, one); err != nil {
		return err
	}
	for _, op := range ops {
		if intend, ok := op.(*store.Intend); ok && intend.Ticket.Path != "" {
			l.tickets.Remember(intend.Ticket)
		}
	}
	return nil
}

// newWrite does the work that need not be done by the writer. Callbacks alone are stored
// together with those of other writes.
func newWrite(ops []store.Op, mask func(string) string) (*write, error) {
	one := &write{}
	for _, op := range ops {
		deliver, ok := op.(*store.Deliver)
		if !ok {
			return mixedWrite(ops), nil
		}
		d, err := engine.NewDelivery(deliver, mask)
		if err != nil {
			return nil, err
		}
		one.deliveries = append(one.deliveries, d)
	}
	return one, nil
}

// mixedWrite applies the ops one by one.
func mixedWrite(ops []store.Op) *write {
	one := &write{}
	one.do = func(tx transaction) error {
		for _, op := range ops {
			if err := one.apply(tx, op); err != nil {
				return err
			}
		}
		return nil
	}
	return one
}

func (w *write) apply(t transaction, op store.Op) error {
	switch op := op.(type) {
	case *store.Deliver:
		d, err := engine.NewDelivery(op, t.ledger.mask)
		if err != nil {
			return err
		}
		stored, err := t.ledger.insertDeliveries(t, []*engine.Delivery{d})
		w.stored = append(w.stored, stored...)
		return err
	case *store.Intend:
		return t.intend(op)
	case *store.Accept:
		return t.accept(op)
	case *store.AcceptTwice:
		return t.acceptTwice(op)
	case *store.Refuse:
		return t.refuse(op)
	case *store.Retry:
		return t.retry(op)
	case *store.Poll:
		return t.poll(op)
	}
	return t.applyOther(op)
}

// applyOther applies an op about forwards or batches.
func (t transaction) applyOther(op store.Op) error {
	switch op := op.(type) {
	case *store.ForwardTried:
		return t.forwardTried(op)
	case *store.ForwardEnded:
		return t.forwardEnded(op.Forward)
	case *store.MoveForward:
		return t.run("UPDATE OR REPLACE forwards SET target = ? WHERE seq = ? AND target = ?", op.To, op.Seq, op.From)
	case *store.AdoptForwards:
		return t.run("UPDATE forwards SET listener = ? WHERE target = ? AND listener = ? AND state = 'waiting'", op.To, op.Target, op.From)
	}
	return t.applyToBatch(op)
}

// applyToBatch applies an op about a batch.
func (t transaction) applyToBatch(op store.Op) error {
	switch op := op.(type) {
	case *store.PutBatch:
		return t.putBatch(op)
	case *store.RestartBatch:
		return t.restartBatch(op)
	case *store.DeleteBatch:
		return t.deleteBatch(op)
	case *store.PlaceItem:
		return t.run("UPDATE batch_lines SET line = ? WHERE batch = ? AND key = ?", op.Line, op.Batch, op.Key)
	case *store.SetMismatch:
		return t.run("UPDATE batch_lines SET mismatch = ? WHERE batch = ? AND key = ?", op.Mismatch, op.Batch, op.Key)
	}
	return t.applyToSession(op)
}
