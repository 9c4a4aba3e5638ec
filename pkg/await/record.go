package await

import (
	"context"
	"errors"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Writes are made even when the command is about to end. A failed write is reported, and
// the task continues.

// keepIntended stores that the task is about to be sent. number is 0 if it is not stored;
// the error is a *NotKeptError if it must be.
func (e *Engine) keepIntended(j Job, t webhook.Ticket) (number int64, err error) {
	err = errNoStore
	if e.o.Store != nil {
		op := &store.Intend{Intent: store.IntentOf(j.Request, store.Intent{
			Source: e.o.Source, Machine: e.o.Machine, Cloud: e.o.Cloud, Prompt: j.Prompt, Ticket: t, At: time.Now(), Item: j.Item,
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

// keep writes an op about the waiter's task. The first failure is reported, except that
// another worker has the task.
func (e *Engine) keep(w *waiter, op store.Op) error {
	if e.o.Store == nil {
		return nil
	}
	ops := []store.Op{op}
	if w.guard != nil {
		ops = []store.Op{w.guard, op}
	}
	err := e.o.Store.Write(context.Background(), ops...)
	reused, isReused := errors.AsType[*store.ReusedIDError](err)
	switch {
	case errors.Is(err, store.ErrClaimLost):
	case isReused:
		e.o.Report(IDReused{reused})
	case err != nil && !e.storeFails.Swap(true):
		e.o.Report(StoreFailed{LossProgress, err})
	}
	return err
}

// keepTask writes an op about the waiter's task, if that is stored.
func (e *Engine) keepTask(w *waiter, op store.Op) {
	if w.answer.Task != 0 {
		_ = e.keep(w, op) // reported
	}
}

// keepRefusal stores that the task was not accepted, with the reason if it never will be.
func (e *Engine) keepRefusal(w *waiter, failure *narada.DispatchError) {
	why := ""
	if e.o.Many && RefusesRequest(failure) {
		why = failure.Err.Error()
	}
	if !w.sent.refused {
		e.keepTask(w, &store.Refuse{Task: w.answer.Task, Failure: why, At: time.Now()})
	}
}

// keepRetry stores that a refused task is about to be sent again. The error is a
// *NotKeptError if it must be stored and is not: it would be sent once more by a later run.
func (e *Engine) keepRetry(w *waiter, must bool) error {
	if w.answer.Task == 0 {
		return nil
	}
	if err := e.keep(w, &store.Retry{Task: w.answer.Task, At: time.Now()}); err != nil && must {
		return &NotKeptError{err}
	}
	return nil
}
