package engine

import (
	"context"
	"errors"
	"time"
)

// The limits of a group of writes, which have one transaction and one sync.
const (
	MaxGroup     = 256
	maxGroupWait = 5 * time.Millisecond // for more writes
)

// errClosed is the error of a write after Close.
var errClosed = errors.New("it is closed")

// Groups is the one goroutine that writes. It commits together what arrives while it waits
// for the disk.
type Groups[W any] struct {
	commit      func([]W) []error
	hasCallback func(W) bool
	senders     senders
	writes      chan *queued[W]
	quit        chan struct{}
	ended       chan struct{}
}

type queued[W any] struct {
	write W
	done  chan error // buffered
}

// NewGroups returns a Groups, which runs until Close. commit applies a group and returns
// the error of each of its writes; hasCallback reports whether a write has one, whose
// sender may send another.
func NewGroups[W any](hasCallback func(W) bool, commit func(group []W) []error) *Groups[W] {
	g := &Groups[W]{commit: commit, hasCallback: hasCallback, writes: make(chan *queued[W], MaxGroup), quit: make(chan struct{}), ended: make(chan struct{})}
	go g.run()
	return g
}

// Close commits what is queued, and ends the goroutine.
func (g *Groups[W]) Close() {
	close(g.quit)
	<-g.ended
}

// Put returns when the write is durable or has failed. Once it is queued, the end of ctx
// is ignored, so that the result is known; the limits of the engine bound the wait.
func (g *Groups[W]) Put(ctx context.Context, write W) error {
	one := &queued[W]{write, make(chan error, 1)}
	select {
	case g.writes <- one:
	case <-g.ended:
		return errClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-one.done:
		return err
	case <-g.ended: // it may have been among the last
		select {
		case err := <-one.done:
			return err
		default:
			return errClosed
		}
	}
}

func (g *Groups[W]) run() {
	defer close(g.ended)
	for {
		select {
		case first := <-g.writes:
			group := g.gather(first)
			g.apply(group)
			g.senders.answered(g.callbacks(group), time.Now())
		case <-g.quit:
			for {
				select {
				case one := <-g.writes:
					g.apply([]*queued[W]{one})
				default:
					return
				}
			}
		}
	}
}

func (g *Groups[W]) apply(group []*queued[W]) {
	writes := make([]W, len(group))
	for i, one := range group {
		writes[i] = one.write
	}
	for i, err := range g.commit(writes) {
		group[i].done <- err
	}
}

// callbacks counts the writes with callbacks.
func (g *Groups[W]) callbacks(group []*queued[W]) (n int) {
	for _, one := range group {
		if g.hasCallback(one.write) {
			n++
		}
	}
	return n
}

// gather takes the writes that have arrived, and waits a moment for expected ones.
func (g *Groups[W]) gather(first *queued[W]) (group []*queued[W]) {
	limit := time.After(maxGroupWait)
	for next := first; next != nil; next = g.next(len(group), limit) {
		group = append(group, next)
		if g.hasCallback(next.write) {
			g.senders.arrived()
		}
	}
	return group
}

// next returns the next write for a group of that size, nil if the group is complete.
func (g *Groups[W]) next(size int, limit <-chan time.Time) *queued[W] {
	if size == MaxGroup {
		return nil
	}
	select {
	case one := <-g.writes:
		return one
	default:
	}
	if g.senders.enough(size, time.Now()) {
		return nil
	}
	select {
	case one := <-g.writes:
		return one
	case <-limit:
		return nil
	}
}
