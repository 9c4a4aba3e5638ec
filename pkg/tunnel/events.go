package tunnel

import "sync"

// An EventKind says what happened to an endpoint.
type EventKind int

// The kinds of events. After Stopped there are no more.
const (
	Lost    EventKind = iota + 1 // callers cannot reach it; the connection is being made again
	Back                         // callers can reach it again, at the same URL
	Stopped                      // the service has stopped it for good: open another one
)

// String returns the kind as a word: "lost", "back", "stopped".
func (k EventKind) String() string {
	switch k {
	case Lost:
		return "lost"
	case Back:
		return "back"
	case Stopped:
		return "stopped"
	}
	return "unknown"
}

// An Event is a change of an endpoint's state.
type Event struct {
	Kind EventKind
	Err  error // an *Error that says why; nil for Back
}

// events is a channel that never blocks its sender and never loses the latest.
type events struct {
	c chan Event

	mu     sync.Mutex
	closed bool
}

func newEvents() *events { return &events{c: make(chan Event, 16)} }

func (e *events) send(ev Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	for {
		select {
		case e.c <- ev:
			return
		default:
		}
		select {
		case <-e.c: // the oldest makes room
		default:
		}
	}
}

func (e *events) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.closed = true
		close(e.c)
	}
}
