package store

import "time"

// ForwardState is how a callback that is forwarded stands.
type ForwardState string

// The states of a Forward.
const (
	ForwardWaiting   ForwardState = "waiting"
	ForwardDelivered ForwardState = "forwarded" // the target took it
	ForwardFailed    ForwardState = "failed"    // it is not tried again
)

// Forward is a callback that is forwarded to a target, or was.
type Forward struct {
	Seq       int64 // of the callback
	RequestID string
	Target    string
	State     ForwardState

	// Of one that waits no more:
	Attempts   int
	StatusCode int    // of the last answer; 0: there was none
	Failure    string // why it failed
	EndedAt    time.Time
}
