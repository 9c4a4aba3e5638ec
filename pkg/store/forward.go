package store

import "time"

// ForwardState is the state of a Forward.
type ForwardState string

// The states of a Forward.
const (
	ForwardWaiting   ForwardState = "waiting"
	ForwardDelivered ForwardState = "forwarded" // the target accepted it
	ForwardFailed    ForwardState = "failed"    // not retried
)

// Forward is the forwarding of a callback to a target.
type Forward struct {
	Seq       int64 // of the callback
	RequestID string
	Target    string
	State     ForwardState
	Attempts  int // made so far, in earlier runs too

	// Set when it has ended.
	StatusCode int    // of the last answer; 0: none
	Failure    string // why it failed
	EndedAt    time.Time
}
