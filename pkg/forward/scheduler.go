package forward

import (
	"context"
	"errors"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/store"
)

// maxQueued is how many callbacks a scheduler has in mind; the others stay in the store.
const maxQueued = 1000

// scheduler forwards callbacks: many at once, but those of one request ID one after the
// other, in the order in which they came.
type scheduler struct {
	workers int // at once

	// next returns the callbacks after that number that wait, so many at the most, in the
	// order in which they came.
	next func(ctx context.Context, after int64, limit int) ([]store.Forward, error)

	// forward returns when no more is to be done about a callback. Its error ends the
	// scheduler: deliver.ErrStopped says that the callback still waits, so that none of its
	// task may overtake it.
	forward func(store.Forward) error

	wake chan struct{}

	queued   []store.Forward
	last     int64           // number of the newest that was queued
	more     bool            // there may be others in the store
	busy     map[string]bool // request IDs
	draining bool            // it is over when nothing waits
	failed   error
}

func newScheduler(workers int, next func(context.Context, int64, int) ([]store.Forward, error), forward func(store.Forward) error) *scheduler {
	return &scheduler{workers: workers, next: next, forward: forward, wake: make(chan struct{}, 1), more: true, busy: map[string]bool{}}
}

// wakeUp says that a callback was stored. It never blocks.
func (s *scheduler) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run forwards callbacks until ctx ends, or with drain closed until nothing waits any
// more. It returns when each call of forward has.
func (s *scheduler) run(ctx context.Context, drain <-chan struct{}) error {
	ended := make(chan outcome)
	for {
		if ctx.Err() == nil && s.failed == nil {
			s.failed = s.fill(ctx)
			s.start(ended)
		}
		if s.isOver(ctx) {
			break
		}
		over := ctx.Done()
		if ctx.Err() != nil {
			over = nil
		}
		select {
		case o := <-ended:
			delete(s.busy, o.id)
			if s.failed == nil {
				s.failed = o.err
			}
		case <-s.wake:
			s.more = true
		case <-drain:
			// What came before it is in the store, though nobody may have said so yet.
			s.draining, drain, s.more = true, nil, true
		case <-over:
		}
	}
	if errors.Is(s.failed, deliver.ErrStopped) {
		return nil
	}
	return s.failed
}

// isOver reports whether nothing is under way, and nothing more is to be begun.
func (s *scheduler) isOver(ctx context.Context) bool {
	if len(s.busy) > 0 {
		return false
	}
	return s.failed != nil || ctx.Err() != nil || s.draining && len(s.queued) == 0 && !s.more
}

type outcome struct {
	id  string
	err error
}

// fill looks for more in the store, where there is room for it.
func (s *scheduler) fill(ctx context.Context) error {
	room := maxQueued - len(s.queued)
	if !s.more || room < maxQueued/2 {
		return nil
	}
	list, err := s.next(ctx, s.last, room)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	s.more = len(list) == room
	if len(list) > 0 {
		s.queued, s.last = append(s.queued, list...), list[len(list)-1].Seq
	}
	return nil
}

// start forwards what can be, in the order of the queue. A callback that is not
// forwarded, since its task is busy or all workers are, keeps those of its task that are
// behind it: both last until this has ended.
func (s *scheduler) start(ended chan<- outcome) {
	rest := s.queued[:0]
	for _, f := range s.queued {
		if s.busy[f.RequestID] || len(s.busy) == s.workers || s.failed != nil {
			rest = append(rest, f)
			continue
		}
		s.busy[f.RequestID] = true
		go func() { ended <- outcome{f.RequestID, s.forward(f)} }()
	}
	s.queued = rest
}
