package forward

import (
	"context"
	"errors"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/store"
)

// maxQueued is how many callbacks a scheduler holds; the others stay in the store.
const maxQueued = 1000

// scheduler forwards callbacks concurrently, but those of one request ID one by one, in
// the order of their arrival.
type scheduler struct {
	workers int

	// next returns up to limit waiting callbacks after that number, in order of arrival.
	next func(ctx context.Context, after int64, limit int) ([]store.Forward, error)

	// forward returns when a callback is dealt with. Its error ends the scheduler:
	// deliver.ErrStopped means that the callback still waits, and no later one of its task
	// may overtake it.
	forward func(store.Forward) error

	wake chan struct{}

	queued   []store.Forward
	last     int64           // number of the newest queued callback
	more     bool            // the store may have more
	busy     map[string]bool // request IDs
	draining bool            // run ends when nothing waits
	failed   error
}

func newScheduler(workers int, next func(context.Context, int64, int) ([]store.Forward, error), forward func(store.Forward) error) *scheduler {
	return &scheduler{workers: workers, next: next, forward: forward, wake: make(chan struct{}, 1), more: true, busy: map[string]bool{}}
}

// wakeUp signals that a callback was stored. It never blocks.
func (s *scheduler) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run forwards callbacks until ctx ends, or until drain is closed and nothing waits. It
// returns after every call of forward.
func (s *scheduler) run(ctx context.Context, drain <-chan struct{}) error {
	ended, over := make(chan outcome), ctx.Done()
	for {
		if ctx.Err() == nil && s.failed == nil {
			s.failed = s.fill(ctx)
			s.start(ended)
		}
		if s.isOver(ctx) {
			break
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
			// Earlier callbacks are in the store, though wakeUp may not have been called.
			s.draining, drain, s.more = true, nil, true
		case <-over:
			over = nil
		}
	}
	if errors.Is(s.failed, deliver.ErrStopped) {
		return nil
	}
	return s.failed
}

// isOver reports whether nothing is in progress and nothing more will start.
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

// fill reads callbacks from the store if there is room.
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

// start starts to forward what is possible, in the order of the queue. A callback whose
// task is busy, or that finds no free worker, holds back the later ones of its task: the
// condition lasts until start returns.
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
