package tunnel

// An EventKind says what happened to an endpoint.
type EventKind int

// The kinds of events. Stopped is the last event of an endpoint.
const (
	Lost    EventKind = iota + 1 // callers cannot reach it; it is reconnecting
	Back                         // callers can reach it again, at the same URL
	Stopped                      // the service has stopped it permanently: open another one
)

// An Event is a change of an endpoint's state.
type Event struct {
	Kind EventKind
	Err  error // an *Error that says why; nil for Back
}

// events is a channel whose one sender never blocks and never loses the latest event.
type events chan Event

func newEvents() events { return make(events, 16) }

func (e events) send(ev Event) {
	for {
		select {
		case e <- ev:
			return
		default:
		}
		select {
		case <-e: // drop the oldest
		default:
		}
	}
}
