package store

import (
	"context"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Writer is an engine's way to change its ledger. Write returns when all ops are
// durable; with an error, none of them has been written. They are written in their order,
// and seen by others together.
type Writer interface {
	Write(ctx context.Context, ops ...Op) error
}

// Writes has a call for each change that is often needed alone. An engine embeds it.
type Writes struct{ writer Writer }

// WritesOf returns the calls that write by w.
func WritesOf(w Writer) Writes { return Writes{w} }

// Intend writes down that the tasks are about to be sent, and returns their numbers in
// the ledger. It must have succeeded before they are.
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

// Accepted writes down the request ID that the cloud has given the task with that
// number.
func (w Writes) Accepted(ctx context.Context, number int64, id string) error {
	return w.writer.Write(ctx, &Accept{Task: number, RequestID: id, At: time.Now()})
}

// AcceptedTwice writes down another task that came of the same request, with its own
// request ID. It has no ticket of its own.
func (w Writes) AcceptedTwice(ctx context.Context, number int64, id string) error {
	return w.writer.Write(ctx, &AcceptTwice{Task: number, RequestID: id, At: time.Now()})
}

// Refused writes down that the task with that number was not accepted; failure is
// why it never will be, "" when it may be another time.
func (w Writes) Refused(ctx context.Context, number int64, failure string, at time.Time) error {
	return w.writer.Write(ctx, &Refuse{Task: number, Failure: failure, At: at})
}

// Polled writes down what a status call told of a task. A task that is not in the
// ledger stays out of it.
func (w Writes) Polled(ctx context.Context, r *narada.Result, at time.Time) error {
	return w.writer.Write(ctx, &Poll{Result: r, At: at})
}

// Deliver implements webhook.Sink: it returns nil once the callback is durable. A
// repeat, which has the same request ID and body, is taken and stored no second time.
func (w Writes) Deliver(ctx context.Context, d webhook.Delivery) error {
	_, err := w.Store(ctx, d, Forwarding{})
	return err
}

// Store is Deliver for a callback that is to be forwarded, or not to be listed, and
// reports whether it is no repeat.
func (w Writes) Store(ctx context.Context, d webhook.Delivery, f Forwarding) (isNew bool, err error) {
	op := &Deliver{Delivery: d, Forwarding: f}
	err = w.writer.Write(ctx, op)
	return op.IsNew && err == nil, err
}

// ForwardEnded writes down how the forwarding of a callback has ended, now or in a
// later attempt. What proved the sender is gone then.
func (w Writes) ForwardEnded(ctx context.Context, f Forward) error {
	return w.writer.Write(ctx, &ForwardEnded{f})
}

// MoveForward gives a callback another target.
func (w Writes) MoveForward(ctx context.Context, f Forward, target string) error {
	return w.writer.Write(ctx, &MoveForward{Seq: f.Seq, From: f.Target, To: target})
}

// AdoptForwards gives the callbacks that wait for the target at one listener, which must
// not run any more, to another.
func (w Writes) AdoptForwards(ctx context.Context, target, from, to string) error {
	return w.writer.Write(ctx, &AdoptForwards{Target: target, From: from, To: to})
}

// PutBatch writes down a batch, a new one where its number is 0, and returns its
// number.
func (w Writes) PutBatch(ctx context.Context, b Batch) (number int64, err error) {
	op := &PutBatch{Batch: b}
	err = w.writer.Write(ctx, op)
	return op.Number, err
}

// SetMisfit writes down how the data of a line's answer differ from what was asked
// for.
func (w Writes) SetMisfit(ctx context.Context, batch int64, key []byte, misfit string) error {
	return w.writer.Write(ctx, &SetSchemaErrors{Batch: batch, Key: key, SchemaErrors: misfit})
}
