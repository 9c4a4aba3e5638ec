package forward

import "github.com/narada-cli/narada/pkg/deliver"

// Event is an event of forwarding.
type Event interface{ event() }

// The events.
type (
	// Waiting: callbacks from earlier runs wait for the target.
	Waiting struct {
		Target string
		Count  int
	}
	// Forwarded: the target accepted a callback.
	Forwarded struct {
		RequestID, Target string
		Result            Result
	}
	// NotForwarded: the target did not accept a callback, which is not retried any more.
	NotForwarded struct {
		RequestID, Target string
		Result            Result
	}
	// TargetDown: an endpoint does not accept callbacks and is retried.
	TargetDown struct {
		Target  string
		Attempt deliver.Attempt
	}
	// TargetUp: it accepts them again.
	TargetUp struct{ Target string }
	// StoreFailed: forwarding waits until the store works again.
	StoreFailed struct {
		Target string
		Err    error
	}
	// LeaseLost: another replica of the listener forwards to the target now.
	LeaseLost struct{ Target string }
	// CommandBusy: the command of an earlier listener still runs, and is waited for.
	CommandBusy struct{ Target string }
	// Finishing: Close waits for an attempt in progress.
	Finishing struct{ Target string }
	// Remaining: callbacks still wait for the target at the end.
	Remaining struct {
		Target string
		Count  int
		Err    error // of counting them
	}
)

func (Waiting) event()      {}
func (Forwarded) event()    {}
func (NotForwarded) event() {}
func (TargetDown) event()   {}
func (TargetUp) event()     {}
func (StoreFailed) event()  {}
func (LeaseLost) event()    {}
func (CommandBusy) event()  {}
func (Finishing) event()    {}
func (Remaining) event()    {}
