package store

import (
	"context"
	"time"

	"github.com/narada-cli/narada/pkg/webhook"
)

// Writer changes a ledger. Write applies the ops in order and atomically, and returns when
// they are durable; with an error, none is applied.
type Writer interface {
	Write(ctx context.Context, ops ...Op) error
}

// Writes has a method for each Op that is often needed alone. An engine embeds it.
type Writes struct{ writer Writer }

// WritesOf returns the methods that write with w.
func WritesOf(w Writer) Writes { return Writes{w} }

// Intend adds tasks that are about to be sent and returns their numbers.
func (w Writes) Intend(ctx context.Context, intents []Intent) ([]int64, error) {
	ops, list := make([]Op, len(intents)), make([]Intend, len(intents))
	for i, intent := range intents {
		list[i].Intent = intent
		ops[i] = &list[i]
	}
	if err := w.writer.Write(ctx, ops...); err != nil {
		return nil, err
	}
	numbers := make([]int64, len(list))
	for i := range list {
		numbers[i] = list[i].Number
	}
	return numbers, nil
}

// Accepted writes an Accept.
func (w Writes) Accepted(ctx context.Context, number int64, id string) error {
	return w.writer.Write(ctx, &Accept{Task: number, RequestID: id, At: time.Now()})
}

// Refused writes a Refuse.
func (w Writes) Refused(ctx context.Context, number int64, failure string, at time.Time) error {
	return w.writer.Write(ctx, &Refuse{Task: number, Failure: failure, At: at})
}

// Deliver implements webhook.Sink: it returns nil once the callback is durable.
func (w Writes) Deliver(ctx context.Context, d webhook.Delivery) error {
	return w.writer.Write(ctx, &Deliver{Delivery: d})
}

// Store is Deliver with a Forwarding. It reports whether the callback is not a repeat.
func (w Writes) Store(ctx context.Context, d webhook.Delivery, f Forwarding) (isNew bool, err error) {
	op := &Deliver{Delivery: d, Forwarding: f}
	err = w.writer.Write(ctx, op)
	return op.IsNew && err == nil, err
}

// ForwardEnded writes a ForwardEnded.
func (w Writes) ForwardEnded(ctx context.Context, f Forward) error {
	return w.writer.Write(ctx, &ForwardEnded{f})
}

// MoveForward writes a MoveForward.
func (w Writes) MoveForward(ctx context.Context, f Forward, target string) error {
	return w.writer.Write(ctx, &MoveForward{Seq: f.Seq, From: f.Target, To: target})
}

// AdoptForwards writes an AdoptForwards.
func (w Writes) AdoptForwards(ctx context.Context, target, from, to string) error {
	return w.writer.Write(ctx, &AdoptForwards{Target: target, From: from, To: to})
}

// PutBatch writes a PutBatch and returns the batch's number.
func (w Writes) PutBatch(ctx context.Context, b Batch) (number int64, err error) {
	op := &PutBatch{Batch: b}
	err = w.writer.Write(ctx, op)
	return op.Number, err
}

// SetSchemaErrors writes a SetSchemaErrors.
func (w Writes) SetSchemaErrors(ctx context.Context, batch int64, key []byte, schemaErrors string) error {
	return w.writer.Write(ctx, &SetSchemaErrors{Batch: batch, Key: key, SchemaErrors: schemaErrors})
}
