package sqlite

import (
	"context"
	"fmt"

	"github.com/narada-cli/narada/pkg/store"
)

// Write implements store.Writer. The error is an *Error.
func (l *Store) Write(ctx context.Context, ops ...store.Op) error {
	if len(ops) == 0 {
		return nil
	}
	one, err := l.newWrite(ops)
	if err != nil {
		return newError(l.path, err)
	}
	if err := l.writer.put(ctx, one); err != nil {
		return err
	}
	for _, op := range ops {
		if intend, ok := op.(*store.Intend); ok && intend.Ticket.Path != "" {
			l.remember(intend.Ticket)
		}
	}
	return nil
}

// newWrite does the work that need not be done by the writer.
func (l *Store) newWrite(ops []store.Op) (*write, error) {
	var deliveries []*delivery
	for _, op := range ops {
		if deliver, ok := op.(*store.Deliver); ok {
			d, err := newDelivery(deliver)
			if err != nil {
				return nil, err
			}
			deliveries = append(deliveries, d)
		}
	}
	if len(deliveries) == len(ops) {
		return &write{deliveries: deliveries}, nil
	}
	one := &write{}
	one.do = func(tx transaction) error {
		rest := deliveries
		for _, op := range ops {
			if _, ok := op.(*store.Deliver); !ok {
				if err := tx.apply(op); err != nil {
					return err
				}
				continue
			}
			stored, err := l.insertDeliveries(tx, rest[:1])
			if err != nil {
				return err
			}
			one.stored, rest = append(one.stored, stored...), rest[1:]
		}
		return nil
	}
	return one, nil
}

// apply applies an op other than Deliver.
func (t transaction) apply(op store.Op) error {
	switch op := op.(type) {
	case *store.Intend:
		return t.intend(op)
	case *store.Accept:
		return t.accept(op)
	case *store.AcceptTwice:
		return t.acceptTwice(op)
	case *store.Refuse:
		return t.refuse(op)
	case *store.Poll:
		return t.poll(op)
	case *store.ForwardTried:
		return t.forwardTried(op)
	case *store.ForwardEnded:
		return t.forwardEnded(op.Forward)
	case *store.MoveForward:
		return t.run("UPDATE OR REPLACE forwards SET target = ? WHERE seq = ? AND target = ?", op.To, op.Seq, op.From)
	case *store.AdoptForwards:
		return t.run("UPDATE forwards SET listener = ? WHERE target = ? AND listener = ? AND state = 'waiting'", op.To, op.Target, op.From)
	case *store.PutBatch:
		return t.putBatch(op)
	case *store.PlaceItem:
		return t.run("UPDATE batch_lines SET line = ? WHERE batch = ? AND key = ?", op.Line, op.Batch, op.Key)
	case *store.SetSchemaErrors:
		return t.run("UPDATE batch_lines SET schema_errors = ? WHERE batch = ? AND key = ?", op.SchemaErrors, op.Batch, op.Key)
	}
	return fmt.Errorf("sqlite: unknown op %T", op)
}
