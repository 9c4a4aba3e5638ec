package forward

import "github.com/narada-cli/narada/pkg/deliver"

// Event is what happens while callbacks are forwarded.
type Event interface{ event() }

// The events.
type (
	// Waiting says that callbacks from earlier wait for the target.
	Waiting struct {
		Target string
		Count  int
	}
	// Forwarded says that the target took a callback.
	Forwarded struct {
		RequestID, Target string
		Result            Result
	}
	// NotForwarded says that the target did not take a callback, and is not asked again.
	NotForwarded struct{ RequestID, Target, Failure string }
	// TargetDown says that an endpoint does not take callbacks, and is tried again.
	TargetDown struct {
		Target  string
		Attempt deliver.Attempt
	}
	// TargetUp says that it takes them again.
	TargetUp struct{ Target string }
	// Finishing says that the end waits for what the target has under way.
	Finishing struct{ Target string }
	// Remaining says that callbacks still wait for the target at the end.
	Remaining struct {
		Target string
		Count  int
		Err    error // how many is not known
	}
)

func (Waiting) event()      {}
func (Forwarded) event()    {}
func (NotForwarded) event() {}
func (TargetDown) event()   {}
func (TargetUp) event()     {}
func (Finishing) event()    {}
func (Remaining) event()    {}
