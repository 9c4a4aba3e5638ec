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
		e.o.Report(StoreFailed{LossTask, err})
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
		e.o.Report(StoreFailed{LossProgress, err})
	}
}

// keepTask is keep for a write about the waiter's task, if that is kept.
func (e *Engine) keepTask(w *waiter, write func(ctx context.Context, s Store, number int64) error) {
	if number := w.answer.Task; number != 0 {
		e.keep(func(ctx context.Context, s Store) error { return write(ctx, s, number) })
	}
}

// keepRefused writes down that the task was not accepted, and whether it never will
// be.
func (e *Engine) keepRefused(w *waiter, failure *narada.DispatchError) {
	why := ""
	if e.o.Why != nil && RefusesRequest(failure) {
		why = e.o.Why(failure)
	}
	e.keepTask(w, func(ctx context.Context, s Store, number int64) error { return s.Refused(ctx, number, why, time.Now()) })
}
