// Package forward passes callbacks on to an endpoint or a command: those of one
// request ID in the order in which they came.
//
// The package is private to narada.
package forward

import (
	"context"
	"errors"

	"github.com/narada-cli/narada/pkg/deliver"
)

// Waiting is a callback that waits to be passed on.
type Waiting struct {
	Seq       int64 // grows from callback to callback
	RequestID string
}

// Queue is what waits to be passed on.
type Queue interface {
	// Waiting returns the callbacks after that number that wait, so many at the most,
	// in the order in which they came.
	Waiting(ctx context.Context, after int64, limit int) ([]Waiting, error)
}

// The bounds of a Forwarder.
const (
	DefaultWorkers = 16
	mostQueued     = 1000 // callbacks in mind; the others stay in the queue
)

// Forwarder passes callbacks on: many at once, but those of one request ID one after
// the other, in the order in which they came.
type Forwarder struct {
	Queue   Queue
	Workers int // at once

	// Pass passes a callback on and returns when no more is to be done about it. Its
	// error ends the Forwarder: deliver.ErrStopped is that the callback still waits, so that
	// none of its task may overtake it.
	Pass func(Waiting) error

	wake chan struct{}

	queued []Waiting
	last   int64           // number of the newest that was queued
	more   bool            // there may be others in the queue
	busy   map[string]bool // request IDs
	failed error
}

// NewForwarder returns a Forwarder for what is in the queue, and comes into it, with so
// many workers, of which DefaultWorkers are enough for an endpoint.
func NewForwarder(queue Queue, workers int, pass func(Waiting) error) *Forwarder {
	return &Forwarder{Queue: queue, Workers: workers, Pass: pass, wake: make(chan struct{}, 1), more: true, busy: map[string]bool{}}
}

// Wake says that a callback has come into the queue. It never blocks.
func (f *Forwarder) Wake() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Run passes callbacks on until ctx ends, or with drain closed until nothing waits any
// more. It returns when all that Pass was called for has come back.
func (f *Forwarder) Run(ctx context.Context, drain <-chan struct{}) error {
	ended := make(chan outcome)
	draining := false
	for {
		if ctx.Err() == nil && f.failed == nil {
			f.failed = f.fill(ctx)
			f.start(ended)
		}
		if len(f.busy) == 0 && (f.failed != nil || ctx.Err() != nil || draining && len(f.queued) == 0 && !f.more) {
			if errors.Is(f.failed, deliver.ErrStopped) {
				return nil
			}
			return f.failed
		}
		over := ctx.Done()
		if ctx.Err() != nil {
			over = nil
		}
		select {
		case o := <-ended:
			delete(f.busy, o.id)
			if f.failed == nil {
				f.failed = o.err
			}
		case <-f.wake:
			f.more = true
		case <-drain:
			// What came before it is in the queue, though nobody may have said so yet.
			draining, drain, f.more = true, nil, true
		case <-over:
		}
	}
}

type outcome struct {
	id  string
	err error
}

// fill looks for more in the queue, where there is room for it.
func (f *Forwarder) fill(ctx context.Context) error {
	room := mostQueued - len(f.queued)
	if !f.more || room < mostQueued/2 {
		return nil
	}
	list, err := f.Queue.Waiting(ctx, f.last, room)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	f.more = len(list) == room
	if len(list) > 0 {
		f.queued, f.last = append(f.queued, list...), list[len(list)-1].Seq
	}
	return nil
}

// start passes on what can be, in the order of the queue. A callback that is not
// passed on, since its task is busy or all workers are, keeps those of its task that
// are behind it: both last until this has ended.
func (f *Forwarder) start(ended chan<- outcome) {
	rest := f.queued[:0]
	for _, w := range f.queued {
		if f.busy[w.RequestID] || len(f.busy) == f.Workers || f.failed != nil {
			rest = append(rest, w)
			continue
		}
		f.busy[w.RequestID] = true
		go func() { ended <- outcome{w.RequestID, f.Pass(w)} }()
	}
	f.queued = rest
}
