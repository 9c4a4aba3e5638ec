package trigger

// Event is an event of sending callbacks.
type Event interface{ event() }

// NotRecorded: the outcome of a callback could not be stored.
type NotRecorded struct {
	RequestID string
	Err       error
}

func (NotRecorded) event() {}
