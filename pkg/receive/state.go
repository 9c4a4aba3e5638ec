package receive

import (
	"context"
	"errors"
	"sync"
)

// ErrCounted is why a Listening ends that has received its count of callbacks.
var ErrCounted = errors.New("all requested callbacks were received")

// phase is a Listening's phase.
type phase int

const (
	serving  phase = iota // it takes callbacks
	draining              // it prints and forwards those it has taken
	closed
)

// input is an input of the state machine.
type input int

const (
	offered input = iota // a callback has arrived
	dropped              // one that was taken is a repeat, or storing it failed
	done                 // one that was taken is stored, and printed if that is configured
	ended                // the context ended: interrupt or time limit
	failed               // a failure that ends it
	drained              // printing and forwarding have ended
)

// state is a Listening's state. Its transitions:
//
//	         offered        dropped   printed           ended              failed    drained
//	serving  take, or full  untake    count → draining  → draining         → draining
//	draining take, or full  untake    count             if it was counted  note      → closed
//	closed
type state struct {
	phase phase
	count int // of callbacks after which it ends; 0: no limit

	taken, done int
	reason      error // why it stopped serving
	failure     error // the first
}

// next returns the state after the input; err is that of ended and failed. ok is false
// if the input is ignored: an offered callback must not be taken then.
//
// Callbacks are still taken while draining: their requests arrived before.
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
		s.phase, s.reason = draining, err // also after ErrCounted: not all may have been forwarded
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

// machine is a state shared by goroutines.
type machine struct {
	mu    sync.Mutex
	state state
	stop  context.CancelFunc // called when it stops serving
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

// stopWith sets what is called when it stops serving, which may be now.
func (m *machine) stopWith(stop context.CancelFunc) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stop = stop; m.state.phase != serving {
		stop()
	}
}

func (m *machine) now() state {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}
