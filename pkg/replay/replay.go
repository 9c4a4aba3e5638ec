// Package replay sends callbacks again that are stored: the newest of a task, or those
// that could not be forwarded. They go out as they came, but for the secret and the
// headers, which are not kept: these are the caller's. One is sent after the other, with
// one attempt each.
//
// What was to be forwarded and has been accepted now is recorded as forwarded to where
// it was accepted.
//
// The package is private to narada.
package replay

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"time"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/forward"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// Options say what is sent, and where to.
type Options struct {
	URL    string      // where callbacks go; "": each to where it was to be forwarded
	Header http.Header // that they show
	Secret string      // in their body; "": none
	Since  time.Time   // only those that were received since
	Store  Store
	Sender deliver.Sender // makes one attempt each
}

// Store is a ledger, as far as it is used here.
type Store interface {
	// Tasks calls yield for each task, the newest first.
	Tasks(ctx context.Context, q store.Query, yield func(store.Task) error) error
	// Deliveries returns the task's callbacks, the oldest first.
	Deliveries(context.Context, store.Task) ([]store.Delivery, error)
	// Callback returns the callback of that number; ok is false when it was pruned.
	Callback(ctx context.Context, seq int64) (d store.Delivery, ok bool, err error)
	// FailedForwards returns up to limit of those that failed, from after one on.
	FailedForwards(ctx context.Context, after store.Forward, limit int) ([]store.Forward, error)
	MoveForward(ctx context.Context, f store.Forward, target string) error
	ForwardEnded(context.Context, store.Forward) error
}

// Sent is a callback that was sent, or skipped.
type Sent struct {
	RequestID string
	Attempt   deliver.Attempt

	// Skipped is true of one that a command failed on and that was not sent, since no
	// URL was given.
	Skipped bool
}

// NoCallbackError says that there is nothing to send of a task.
type NoCallbackError struct{ Task store.Task }

func (e *NoCallbackError) Error() string {
	return fmt.Sprintf("there is no callback of task %d", e.Task.Number)
}

// newest returns the task's newest final callback, or else its newest phase; one without
// a body when there is none.
func newest(ctx context.Context, s Store, t store.Task) (d store.Delivery, err error) {
	deliveries, err := s.Deliveries(ctx, t)
	for _, other := range deliveries {
		if other.Final || !d.Final {
			d = other
		}
	}
	return d, err
}

// All sends the newest callback of each task that has one, the oldest task first, and
// yields how it was answered. An error is the last that is yielded: the store's, or
// ctx's, which has ended before there was an answer.
func (o Options) All(ctx context.Context) iter.Seq2[Sent, error] {
	return func(yield func(Sent, error) bool) {
		var tasks []store.Task
		err := o.Store.Tasks(ctx, store.Query{Heard: o.Since}, func(t store.Task) error {
			tasks = append(tasks, t)
			return nil
		})
		slices.Reverse(tasks)
		o.sendNewest(ctx, tasks, err, yield)
	}
}

// Named is All for these tasks, in their order. Nothing is sent when one of them has no
// callback: the error is a *NoCallbackError.
func (o Options) Named(ctx context.Context, tasks []store.Task) iter.Seq2[Sent, error] {
	return func(yield func(Sent, error) bool) {
		var err error
		for _, t := range tasks {
			var d store.Delivery
			if d, err = newest(ctx, o.Store, t); err == nil && d.Body == nil {
				err = &NoCallbackError{t}
			}
			if err != nil {
				break
			}
		}
		o.sendNewest(ctx, tasks, err, yield)
	}
}

// sendNewest sends the newest callbacks of the tasks, unless there was an error.
func (o Options) sendNewest(ctx context.Context, tasks []store.Task, err error, yield func(Sent, error) bool) {
	if err != nil {
		yield(Sent{}, err)
		return
	}
	for _, t := range tasks {
		d, err := newest(ctx, o.Store, t)
		if err == nil && (d.Body == nil || d.ReceivedAt.Before(o.Since)) {
			continue
		}
		s := Sent{RequestID: t.RequestID}
		if err == nil {
			s.Attempt, err = o.send(ctx, o.URL, d.Body)
		}
		if !yield(s, err) || err != nil {
			return
		}
	}
}

// Failed sends the callbacks that could not be forwarded, the oldest first, and yields
// how each was answered. An error is the last that is yielded: the store's, or ctx's.
func (o Options) Failed(ctx context.Context) iter.Seq2[Sent, error] {
	return func(yield func(Sent, error) bool) {
		for f, err := range o.failed(ctx) {
			s := Sent{RequestID: f.RequestID, Skipped: o.URL == "" && forward.IsCommand(f.Target)}
			if err == nil && !s.Skipped {
				s.Attempt, err = o.forward(ctx, f.Forward, f.body)
			}
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}

// failed is a callback that could not be forwarded.
type failed struct {
	store.Forward
	body []byte
}

// failedPage is how many failed forwards are looked up at once.
const failedPage = 100

// failed reads them page by page.
func (o Options) failed(ctx context.Context) iter.Seq2[failed, error] {
	return func(yield func(failed, error) bool) {
		for after := (store.Forward{}); ; {
			page, err := o.Store.FailedForwards(ctx, after, failedPage)
			if err != nil {
				yield(failed{}, err)
				return
			}
			for _, f := range page {
				after = f
				d, ok, err := o.Store.Callback(ctx, f.Seq)
				if err == nil && (!ok || d.ReceivedAt.Before(o.Since)) {
					continue
				}
				if !yield(failed{f, d.Body}, err) || err != nil {
					return
				}
			}
			if len(page) < failedPage {
				return
			}
		}
	}
}

// send makes one attempt. The error is ctx's when it has ended before there was an
// answer.
func (o Options) send(ctx context.Context, to string, body []byte) (a deliver.Attempt, err error) {
	if body, err = narada.ReplaceSecret(body, o.Secret); err != nil {
		return a, err
	}
	attempts, _ := o.Sender.Send(ctx, deliver.Callback{URL: to, Header: o.Header, Body: body})
	a = attempts[0] // which has the error
	if a.StatusCode == 0 {
		return a, ctx.Err()
	}
	return a, nil
}

// forward sends a callback and records how it was answered, also when ctx has ended. That
// another than its target has not accepted it changes nothing.
func (o Options) forward(ctx context.Context, f store.Forward, body []byte) (deliver.Attempt, error) {
	to := o.URL
	if to == "" {
		to = f.Target
	}
	a, err := o.send(ctx, to, body)
	if err != nil || to != f.Target && !a.Accepted() {
		return a, err
	}
	ctx = context.WithoutCancel(ctx)
	if to != f.Target {
		if err := o.Store.MoveForward(ctx, f, to); err != nil {
			return a, err
		}
		f.Target = to
	}
	f.State, f.Attempts, f.StatusCode, f.Failure, f.EndedAt = store.ForwardDelivered, 1, a.StatusCode, "", time.Now()
	if !a.Accepted() {
		f.State, f.Failure = store.ForwardFailed, a.Failure().Error()
	}
	return a, o.Store.ForwardEnded(ctx, f)
}
