package store

import (
	"cmp"
	"slices"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// EventKind is the kind of an event.
type EventKind string

// The kinds of events.
const (
	EventDispatched       EventKind = "dispatched"         // about to be sent, or to be sent again
	EventAccepted         EventKind = "accepted"           // RequestID is known, from the dispatch or a callback
	EventAcceptedTwice    EventKind = "accepted-twice"     // RequestID is a second task of the same request
	EventRefused          EventKind = "refused"            // the dispatch was refused; Failure is set if it never will be accepted
	EventPersonAsked      EventKind = "person-asked"       // the agent asks a person; once for each InputID
	EventPolled           EventKind = "polled"             // a status call returned a new Status
	EventDelivered        EventKind = "callback-delivered" // callback Seq was stored, with its Status
	EventForwardAttempted EventKind = "forward-attempted"  // callback Seq was sent to Target, with the new State
)

// Event is something that happened to a task. Events are never changed, and are deleted
// with their task.
type Event struct {
	Number int64     // grows with every event that is written, and is never used again; 0: a callback tells of it
	Task   int64     // the task's number
	At     time.Time // when it happened
	Kind   EventKind
	EventDetail
}

// EventDetail has the details of an event, which has only some of the fields. It has no
// secrets; texts are cut at 500 bytes.
type EventDetail struct {
	RequestID  string        `json:"requestId,omitempty"`
	Status     narada.Status `json:"status,omitempty"`
	Final      bool          `json:"final,omitempty"` // the task has finished
	Seq        int64         `json:"seq,omitempty"`   // of the callback
	InputID    string        `json:"inputId,omitempty"`
	Target     string        `json:"target,omitempty"`
	State      ForwardState  `json:"state,omitempty"`
	Attempts   int           `json:"attempts,omitempty"`   // made so far
	StatusCode int           `json:"statusCode,omitempty"` // of the target; 0: no answer
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

// QuestionOf returns the detail of an EventPersonAsked if the result is one.
func QuestionOf(r *narada.Result) (d EventDetail, asked bool) {
	if r.HumanInput != nil {
		d.InputID = r.HumanInput.InputID
	}
	return d.Bounded(), !r.Final() && r.Status == narada.StatusInputRequired
}

// rank orders events of the same moment.
func (e Event) rank() int {
	switch {
	case e.Kind == EventForwardAttempted:
		return 2
	case e.Number == 0:
		return 1
	}
	return 0
}

// Timeline returns the events of a task by time: those that were written and those derived
// from its callbacks.
func Timeline(t Task, written []Event, callbacks []Delivery) ([]Event, error) {
	list := slices.Clone(written)
	for _, c := range callbacks {
		r, _, err := narada.ParseCallback(c.Body)
		if err != nil {
			return nil, err
		}
		list = append(list, Event{Task: t.Number, At: c.ReceivedAt, Kind: EventDelivered, EventDetail: EventDetail{Seq: c.Seq, Status: r.Status, Final: c.Final}})
		if question, asked := QuestionOf(r); asked {
			list = append(list, Event{Task: t.Number, At: c.ReceivedAt, Kind: EventPersonAsked, EventDetail: question})
		}
	}
	slices.SortStableFunc(list, func(a, b Event) int {
		return cmp.Or(a.At.Compare(b.At), a.rank()-b.rank())
	})
	asked := map[string]bool{}
	return slices.DeleteFunc(list, func(e Event) bool {
		repeated := e.Kind == EventPersonAsked && asked[e.InputID]
		asked[e.InputID] = asked[e.InputID] || e.Kind == EventPersonAsked
		return repeated
	}), nil
}
