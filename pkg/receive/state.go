package receive

import (
	"context"
	"errors"
	"sync"
)

// ErrCounted is why a Listening ends that has what it was to count.
var ErrCounted = errors.New("all callbacks that were asked for are here")

// phase is where a Listening stands.
type phase int

const (
	serving  phase = iota // callbacks are taken
	draining              // new ones are not; what was taken is printed and forwarded
	closed                // nothing happens any more
)

// input is what changes a Listening.
type input int

const (
	offered input = iota // a callback is there, to be taken or not
	dropped              // one that was taken is a repeat, or could not be stored
	done                 // one that was taken was printed, if it is to be
	ended                // the context has ended: an interrupt, or the time limit
	failed               // something has failed that it cannot work without
	drained              // what was taken has been printed and forwarded, as far as it will be
)

// state is a Listening's. Its transitions are those of next:
//
//	         offered        dropped   printed           ended              failed    drained
//	serving  take, or full  untake    count → draining  → draining         → draining
//	draining take, or full  untake    count             if it was counted  note      → closed
//	closed
type state struct {
	phase phase
	count int // callbacks that are asked for; 0: there is no end

	taken, done int
	reason      error // why it does not serve any more
	failure     error // the first
}

// next returns the state after the input; err is that of ended and failed. ok is false
// if nothing comes of it: a callback that is offered is not to be taken then.
//
// While it drains callbacks are still taken: their requests were let in before.
func (s state) next(in input, err error) (_ state, ok bool) {
	if s.phase == closed {
		return s, false
	}
	switch in {
	case offered:
		if s.count > 0 && s.taken == s.count {
			return s, false
		}
		s.taken++
	case dropped:
		s.taken--
	case done:
		if s.done++; s.done == s.count {
			s.drain(ErrCounted)
		}
	case ended:
		if s.phase == draining && s.reason != ErrCounted {
			return s, false
		}
		s.phase, s.reason = draining, err // what it has counted may not all have been forwarded
	case failed:
		if s.failure == nil {
			s.failure = err
		}
		s.drain(err)
	case drained:
		if s.phase != draining {
			return s, false
		}
		s.phase = closed
	}
	return s, true
}

func (s *state) drain(reason error) {
	if s.phase == serving {
		s.phase, s.reason = draining, reason
	}
}

// machine is a state that goroutines share.
type machine struct {
	mu    sync.Mutex
	state state
	stop  context.CancelFunc // is called when it does not serve any more
}

// apply is state.next.
func (m *machine) apply(in input, err error) (ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state, ok = m.state.next(in, err); m.state.phase != serving {
		m.stop()
	}
	return ok
}

func (m *machine) now() state {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}
