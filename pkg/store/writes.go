package store

import (
	"context"

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

// PutBatch writes a PutBatch and returns the batch's number.
func (w Writes) PutBatch(ctx context.Context, b Batch) (number int64, err error) {
	op := &PutBatch{Batch: b}
	err = w.writer.Write(ctx, op)
	return op.Number, err
}

// SetMismatch writes a SetMismatch.
func (w Writes) SetMismatch(ctx context.Context, batch int64, key []byte, mismatch string) error {
	return w.writer.Write(ctx, &SetMismatch{Batch: batch, Key: key, Mismatch: mismatch})
}
