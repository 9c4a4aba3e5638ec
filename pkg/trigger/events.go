package trigger

// Event is something that happens while callbacks are sent.
type Event interface{ event() }

// NotRecorded says that the ledger does not have how a callback was answered.
type NotRecorded struct {
	RequestID string
	Err       error
}

func (NotRecorded) event() {}
