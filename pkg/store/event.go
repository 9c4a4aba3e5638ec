package store

import (
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// EventKind is what has happened to a task.
type EventKind string

// The kinds of events.
const (
	EventDispatched       EventKind = "dispatched"         // it was about to be sent
	EventAccepted         EventKind = "accepted"           // the dispatch was answered with RequestID; where that answer was lost, a callback proves it
	EventAcceptedTwice    EventKind = "accepted-twice"     // RequestID is another task of the same request
	EventRefused          EventKind = "refused"            // the dispatch was refused; Failure says why, of one that never will be accepted
	EventPersonAsked      EventKind = "person-asked"       // the agent asks a person; once for each InputID
	EventPolled           EventKind = "polled"             // a status call told a new Status
	EventDelivered        EventKind = "callback-delivered" // callback Seq was stored, with its Status
	EventForwardAttempted EventKind = "forward-attempted"  // callback Seq was sent to Target; State is how it stands since
)

// Event is something that has happened to a task. Events are added and never
// changed; they go with their task.
type Event struct {
	Number int64     // grows with every event of the ledger, and is never used again
	Task   int64     // the task's number
	At     time.Time // when it happened
	Kind   EventKind
	EventDetail
}

// EventDetail is what an event says beside its kind, of which only some fields are
// set. It has no secrets; texts are cut at 500 bytes.
type EventDetail struct {
	RequestID  string        `json:"requestId,omitempty"`
	Status     narada.Status `json:"status,omitempty"`
	Final      bool          `json:"final,omitempty"` // the task has finished
	Seq        int64         `json:"seq,omitempty"`   // of the callback
	InputID    string        `json:"inputId,omitempty"`
	Target     string        `json:"target,omitempty"`
	State      ForwardState  `json:"state,omitempty"`
	Attempts   int           `json:"attempts,omitempty"`   // made so far, of those that were counted together
	StatusCode int           `json:"statusCode,omitempty"` // that the target answered; 0: no answer
	Failure    string        `json:"failure,omitempty"`
}

const maxEventText = 500

// Bounded returns the detail with its texts cut.
func (d EventDetail) Bounded() EventDetail {
	for _, text := range []*string{&d.RequestID, &d.InputID, &d.Target, &d.Failure} {
		*text = shorten(*text, maxEventText)
	}
	return d
}
