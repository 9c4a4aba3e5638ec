package store

import "time"

// ForwardState is how a callback that is passed on stands.
type ForwardState string

// The states of a Forward.
const (
	ForwardWaiting   ForwardState = "waiting"
	ForwardDelivered ForwardState = "forwarded" // the target took it
	ForwardFailed    ForwardState = "failed"    // it was given up
)

// Forward is a callback that is passed on to a target, or was.
type Forward struct {
	Seq       int64 // of the callback
	RequestID string
	Target    string
	State     ForwardState

	// Of one that waits no more:
	Attempts   int
	StatusCode int    // of the last answer; 0: there was none
	Failure    string // why it was given up
	EndedAt    time.Time
}
