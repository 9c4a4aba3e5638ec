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
		op := &store.Intend{Intent: store.IntentOf(j.Request, store.Intent{
			Source: e.o.Source, Cloud: e.o.Cloud, Prompt: j.Prompt, Ticket: t, At: time.Now(), Item: j.Item,
		})}
		err = e.o.Store.Write(context.Background(), op)
		number = op.Number
	}
	switch {
	case err == nil:
		return number, nil
	case j.MustKeep:
		return 0, &NotKeptError{err}
	case e.o.Store != nil:
		e.o.Report(StoreFailed{LossTask, err})
	}
	return 0, nil
}

// keep makes a write. That one could not be made is reported once.
func (e *Engine) keep(op store.Op) {
	if e.o.Store == nil {
		return
	}
	if err := e.o.Store.Write(context.Background(), op); err != nil && !e.storeFails.Swap(true) {
		e.o.Report(StoreFailed{LossProgress, err})
	}
}

// keepRefused writes down that the task was not accepted, and whether it never will
// be.
func (e *Engine) keepRefused(w *waiter, failure *narada.DispatchError) {
	if w.answer.Task == 0 {
		return
	}
	why := ""
	if e.o.Many && RefusesRequest(failure) {
		why = failure.Err.Error()
	}
	e.keep(&store.Refuse{Task: w.answer.Task, Failure: why, At: time.Now()})
}
