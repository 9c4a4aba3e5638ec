package store

import (
	"context"
	"errors"
	"time"
)

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

// Leases is implemented by a Ledger of several machines. Of the replicas of a listener, the
// one with the lease forwards to a target.
type Leases interface {
	// LeaseForwarding gets the lease on forwarding the callbacks of the listener to the
	// target if number is 0, and otherwise renews the one with that number. It returns the
	// number of the lease, 0 if another one has it. A duration of 0 ends the lease.
	LeaseForwarding(ctx context.Context, listener, target string, number int64, d time.Duration) (int64, error)
}

// ErrLeaseLost says that another listener has the lease: nothing was written.
var ErrLeaseLost = errors.New("another listener forwards to the target")
