package store

import (
	"fmt"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Op is one change of the ledger: a pointer to one of the types below. An engine sets the
// fields that are marked as set.
type Op interface{ op() }

// Intend adds a task that is about to be sent. It must be durable before that.
type Intend struct {
	Intent
	Number int64 // set: the task's number
}

// Accept sets the request ID of a task that has none. The error is a *ReusedIDError if
// another task has it.
type Accept struct {
	Task      int64 // number
	RequestID string
	At        time.Time
}

// ReusedIDError is a request ID that the API has given to two tasks.
type ReusedIDError struct {
	RequestID string
	Task      int64 // number of the task that had it first
}

func (e *ReusedIDError) Error() string {
	return fmt.Sprintf("the API has given the request ID %s to another task, #%d, before", e.RequestID, e.Task)
}

// AcceptTwice adds the second task of a request that was accepted twice. It has no ticket.
type AcceptTwice struct {
	Task      int64 // number of the first
	RequestID string
	At        time.Time
}

// Refuse ends a task that was not accepted. It does not change an accepted one. An Accept,
// or a callback that shows its ticket, proves that it was accepted all the same.
type Refuse struct {
	Task    int64  // number
	Failure string // why it never will be; "" if it may be later
	At      time.Time
}

// Retry makes a refused task one that is about to be sent again, with the same ticket. It
// must be durable before that. It does not change a task that was accepted.
type Retry struct {
	Task int64 // number
	At   time.Time
}

// Poll is the result of a status call. It does not add a task or change a finished one.
type Poll struct {
	Result *narada.Result
	At     time.Time
}

// Deliver stores a callback. A repeat, with the same request ID and body, is not stored.
type Deliver struct {
	webhook.Delivery
	Forwarding Forwarding
	IsNew      bool // set: it is not a repeat
}

// ForwardTried counts a forwarding attempt that failed and will be retried. With a Lease the
// error may be ErrLeaseLost.
type ForwardTried struct {
	Lease      int64 // number, 0: there is none
	Seq        int64
	Target     string
	StatusCode int // of the answer; 0: none
	Failure    string
	At         time.Time
}

// ForwardEnded ends the forwarding of a callback by another attempt, again after a later
// one. The engine counts the Attempts. The stored credentials are deleted. With a Lease the
// error may be ErrLeaseLost.
type ForwardEnded struct {
	Forward
	Lease int64 // number, 0: there is none
}

// MoveForward gives a callback another target.
type MoveForward struct {
	Seq      int64
	From, To string // targets
}

// AdoptForwards moves the callbacks that wait for the target from one listener, which must
// no longer be running, to another.
type AdoptForwards struct{ Target, From, To string }

// PutBatch adds a batch if its number is 0. Otherwise it changes input, cloud, settings and
// lines.
type PutBatch struct {
	Batch  Batch
	Number int64 // set: the batch's number
}

// RestartBatch forgets the lines of a batch, so that all are new, and when it began. Their
// tasks remain.
type RestartBatch struct {
	Batch int64
	At    time.Time
}

// DeleteBatch deletes a batch and its lines. Their tasks remain.
type DeleteBatch struct{ Batch int64 }

// PlaceItem sets the position of a sent line in the input of its batch.
type PlaceItem struct {
	Batch int64
	Key   []byte
	Line  int // from 1, or GoneLine
}

// SetMismatch sets how a line's answer does not match what was asked of it.
type SetMismatch struct {
	Batch    int64
	Key      []byte
	Mismatch string // a JSON object with arrays of strings; "": it matches
}

func (*Intend) op()        {}
func (*Accept) op()        {}
func (*AcceptTwice) op()   {}
func (*Refuse) op()        {}
func (*Retry) op()         {}
func (*Poll) op()          {}
func (*Deliver) op()       {}
func (*ForwardTried) op()  {}
func (*ForwardEnded) op()  {}
func (*MoveForward) op()   {}
func (*AdoptForwards) op() {}
func (*PutBatch) op()      {}
func (*RestartBatch) op()  {}
func (*DeleteBatch) op()   {}
func (*PlaceItem) op()     {}
func (*SetMismatch) op()   {}
