package store

import (
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Op is one change of the ledger: a pointer to one of the types below. An engine sets
// the fields that are said to be set.
type Op interface{ op() }

// Intend is that a task is about to be sent. It must have been written before it is.
type Intend struct {
	Intent
	Number int64 // set: the task's number
}

// Accept is that the cloud has given a task its request ID. Of a task that has one, it
// changes nothing.
type Accept struct {
	Task      int64 // number
	RequestID string
	At        time.Time
}

// AcceptTwice is that another task came of the same request, with its own request ID.
// It has no ticket of its own.
type AcceptTwice struct {
	Task      int64 // number of the first
	RequestID string
	At        time.Time
}

// Refuse is that a task was not accepted. Of one that was, it changes nothing.
type Refuse struct {
	Task    int64  // number
	Failure string // why it never will be; "" when it may be another time
	At      time.Time
}

// Poll is what a status call has told of a task. A task that is not in the ledger
// stays out of it; one that has finished is not changed.
type Poll struct {
	Result *narada.Result
	At     time.Time
}

// Deliver is a callback. A repeat, which has the same request ID and body, is stored no
// second time.
type Deliver struct {
	webhook.Delivery
	Forwarding Forwarding
	IsNew      bool // set: it is no repeat
}

// ForwardTried is that a callback was sent to a target, which did not take it, and will
// be sent again. Only the task's events tell of it.
type ForwardTried struct {
	Seq        int64
	Target     string
	Attempts   int // made so far
	StatusCode int // of the answer; 0: there was none
	Failure    string
	At         time.Time
}

// ForwardEnded is how the forwarding of a callback has ended, now or in a later attempt.
// Its Attempts are added to those that were made before. The credentials in
// it are gone then.
type ForwardEnded struct{ Forward }

// MoveForward gives a callback another target.
type MoveForward struct {
	Seq      int64
	From, To string // targets
}

// AdoptForwards gives the callbacks that wait for the target at one listener, which must
// not run any more, to another.
type AdoptForwards struct{ Target, From, To string }

// PutBatch is a batch, a new one where its number is 0. Of one that is there, input,
// cloud and lines change.
type PutBatch struct {
	Batch  Batch
	Number int64 // set: the batch's number
}

// PlaceItem is where a line that was sent stands in the input of its batch now.
type PlaceItem struct {
	Batch int64
	Key   []byte
	Line  int // from 1, or GoneLine
}

// SetSchemaErrors is how the data of a line's answer differ from what was asked for.
type SetSchemaErrors struct {
	Batch        int64
	Key          []byte
	SchemaErrors string // a JSON array of texts; "": they do not
}

func (*Intend) op()          {}
func (*Accept) op()          {}
func (*AcceptTwice) op()     {}
func (*Refuse) op()          {}
func (*Poll) op()            {}
func (*Deliver) op()         {}
func (*ForwardTried) op()    {}
func (*ForwardEnded) op()    {}
func (*MoveForward) op()     {}
func (*AdoptForwards) op()   {}
func (*PutBatch) op()        {}
func (*PlaceItem) op()       {}
func (*SetSchemaErrors) op() {}
