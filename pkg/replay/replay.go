// Package replay sends stored callbacks again: the newest of a task, or those that could
// not be forwarded. Secret and headers, which are not stored, are the caller's; the rest
// is sent as it arrived. Callbacks are sent one by one, with one attempt each.
//
// A callback that could not be forwarded and is accepted now is recorded as forwarded to
// the endpoint that accepted it.
//
// The package is private to narada.
package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/forward"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
)

// Options configure a replay.
type Options struct {
	URL         string             // of the endpoint; "": the target that each was to be forwarded to
	Credentials secret.Credentials // of the callbacks
	Since       time.Time          // only callbacks received since
	Store       Store

	// Sender returns what makes one attempt at the URL, or why nothing may be sent there.
	Sender func(url string) (deliver.Sender, error)
}

// Store has the methods of a ledger that are used here.
type Store interface {
	store.Writer
	// Tasks calls yield for each task, the newest first.
	Tasks(ctx context.Context, q store.Query, yield func(store.Task) error) error
	// Deliveries returns the task's callbacks, the oldest first.
	Deliveries(context.Context, store.Task) ([]store.Delivery, error)
	// Callback returns the callback of that number; ok is false if it was pruned.
	Callback(ctx context.Context, seq int64) (d store.Delivery, ok bool, err error)
	// FailedForwards returns up to limit failed forwards that follow after.
	FailedForwards(ctx context.Context, after store.Forward, limit int) ([]store.Forward, error)
}

// Sent is a callback that was sent or skipped.
type Sent struct {
	RequestID string
	URL       string // of the endpoint
	Attempt   deliver.Attempt

	// Skipped is true if the callback was not sent: a command had failed on it, and there
	// is no URL.
	Skipped bool
}

// damaged makes the error that the callback is damaged its outcome: the others are sent all
// the same.
func (s *Sent) damaged(err error) error {
	if damage, ok := errors.AsType[*store.DamagedError](err); ok {
		s.Attempt.Err = damage
		return nil
	}
	return err
}

// NoCallbackError says that the ledger has no callback of a task.
type NoCallbackError struct{ Task store.Task }

func (e *NoCallbackError) Error() string {
	return fmt.Sprintf("no callback of task %d", e.Task.Number)
}

// newest returns the task's newest final callback, or its newest one if none is final.
// Without a callback the body is nil.
func newest(ctx context.Context, s Store, t store.Task) (d store.Delivery, err error) {
	deliveries, err := s.Deliveries(ctx, t)
	for _, other := range deliveries {
		if other.Final || !d.Final {
			d = other
		}
	}
	return d, err
}

// All sends the newest callback of each task, the oldest task first, and yields the
// attempts. An error is yielded last: the store's, or ctx's if it ended before an answer.
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

// Named is All for these tasks, in their order. If one of them has no callback, nothing is
// sent and the error is a *NoCallbackError.
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

// sendNewest yields err, or sends the newest callbacks of the tasks.
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
		s := Sent{RequestID: t.RequestID, URL: o.URL}
		if err == nil {
			s.Attempt, err = o.send(ctx, o.URL, d.Body)
		}
		err = s.damaged(err)
		if !yield(s, err) || err != nil {
			return
		}
	}
}

// failedPage is how many failed forwards are read at once.
const failedPage = 100

// Failed sends the callbacks that could not be forwarded, the oldest first, and yields the
// attempts. An error is yielded last: the store's or ctx's.
func (o Options) Failed(ctx context.Context) iter.Seq2[Sent, error] {
	return func(yield func(Sent, error) bool) {
		for after := (store.Forward{}); ; {
			page, err := o.Store.FailedForwards(ctx, after, failedPage)
			if err != nil {
				yield(Sent{}, err)
				return
			}
			for _, f := range page {
				after = f
				d, ok, err := o.Store.Callback(ctx, f.Seq)
				if err == nil && (!ok || d.ReceivedAt.Before(o.Since)) {
					continue
				}
				s := Sent{RequestID: f.RequestID, URL: cmp.Or(o.URL, f.Target), Skipped: o.URL == "" && forward.IsCommand(f.Target)}
				if err == nil && !s.Skipped {
					s.Attempt, err = o.forward(ctx, f, s.URL, d.Body)
				}
				err = s.damaged(err)
				if !yield(s, err) || err != nil {
					return
				}
			}
			if len(page) < failedPage {
				return
			}
		}
	}
}

// send makes one attempt, none with a damaged body or where nothing may be sent. The error
// is ctx's if it ended before an answer.
func (o Options) send(ctx context.Context, to string, body []byte) (a deliver.Attempt, err error) {
	if body, err = narada.ReplaceSecret(body, o.Credentials.Secret().Reveal()); err != nil {
		return deliver.Attempt{Err: &store.DamagedError{Err: err}}, nil
	}
	sender, err := o.Sender(to)
	if err != nil {
		return deliver.Attempt{Err: err}, nil
	}
	a, _ = sender.Send(ctx, deliver.Callback{URL: to, Header: o.Credentials.Header(), Body: body}) // a has the error
	if a.StatusCode == 0 {
		return a, ctx.Err()
	}
	return a, nil
}

// forward sends a callback to the URL and records the outcome, even if ctx has ended. A refusal by
// another endpoint than its target is not recorded.
func (o Options) forward(ctx context.Context, f store.Forward, to string, body []byte) (deliver.Attempt, error) {
	a, err := o.send(ctx, to, body)
	if err != nil || to != f.Target && !a.Accepted() {
		return a, err
	}
	var ops []store.Op
	if to != f.Target {
		ops = append(ops, &store.MoveForward{Seq: f.Seq, From: f.Target, To: to})
		f.Target = to
	}
	f.State, f.StatusCode, f.Failure, f.EndedAt = store.ForwardDelivered, a.StatusCode, "", time.Now()
	if !a.Accepted() {
		f.State, f.Failure = store.ForwardFailed, a.Failure().Error()
	}
	return a, o.Store.Write(context.WithoutCancel(ctx), append(ops, &store.ForwardEnded{Forward: f})...)
}

// One sends a callback to the URL. The error is ctx's if it ended before an answer.
func (o Options) One(ctx context.Context, d store.Delivery, to string) (deliver.Attempt, error) {
	return o.send(ctx, to, d.Body)
}
