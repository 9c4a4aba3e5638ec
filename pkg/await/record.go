package await

import (
	"context"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Writes are made even when the command is about to end. What cannot be written is
// reported, and the task runs on.

// keepIntended writes down that the task is about to be sent. The number is 0 for one
// that is not kept; an error, a *NotKeptError, is for one that must be.
func (e *Engine) keepIntended(j Job, t webhook.Ticket) (number int64, err error) {
	err = errNoStore
	if e.o.Store != nil {
		number, err = e.intend(j, t)
	}
	switch {
	case err != nil && j.MustKeep:
		return 0, &NotKeptError{err}
	case err != nil && e.o.Store != nil:
		e.report(StoreFailed{LossTask, err})
	}
	return number, nil
}

func (e *Engine) intend(j Job, t webhook.Ticket) (int64, error) {
	body, err := j.Request.Masked().MarshalJSON()
	if err != nil && j.MustKeep {
		return 0, err
	} // else it will not be sent either
	numbers, err := e.o.Store.Intend(context.Background(), []store.Intent{{
		Source: e.o.Source, Cloud: e.o.Cloud, Prompt: j.Prompt, Body: body, Ticket: t, At: time.Now(), Item: j.Item,
	}})
	if err != nil {
		return 0, err
	}
	return numbers[0], nil
}

// keep makes a write. That one could not be made is reported once.
func (e *Engine) keep(write func(context.Context, Store) error) {
	if e.o.Store == nil {
		return
	}
	if err := write(context.Background(), e.o.Store); err != nil && !e.storeFails.Swap(true) {
		e.report(StoreFailed{LossProgress, err})
	}
}

// keepTask is keep for a write that is about the task with that number, 0 for one
// that is not kept.
func (e *Engine) keepTask(number int64, write func(context.Context, Store) error) {
	if number != 0 {
		e.keep(write)
	}
}

func (e *Engine) keepAccepted(number int64, id string) {
	e.keepTask(number, func(ctx context.Context, s Store) error { return s.Accepted(ctx, number, id) })
}

// keepAcceptedTwice writes down another task that came of the same request, if its ID
// is known.
func (e *Engine) keepAcceptedTwice(number int64, id string) {
	if id != "" {
		e.keepTask(number, func(ctx context.Context, s Store) error { return s.AcceptedTwice(ctx, number, id) })
	}
}

// keepRefused writes down that the task was not accepted, and whether it never will
// be.
func (e *Engine) keepRefused(number int64, failure *narada.DispatchError) {
	why := ""
	if e.o.Why != nil && RefusesRequest(failure) {
		why = e.o.Why(failure)
	}
	e.keepTask(number, func(ctx context.Context, s Store) error { return s.Refused(ctx, number, why, time.Now()) })
}

// keepPolled writes down what a status call has told.
func (e *Engine) keepPolled(r *narada.Result) {
	e.keep(func(ctx context.Context, s Store) error { return s.Polled(ctx, r, time.Now()) })
}
