package await

import (
	"fmt"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// Event is what an Engine reports: one of the structs below. The events of one task are
// reported in order. Item is the task's line in a batch, zero if there is none.
type Event interface{ event() }

type (
	// Accepted is a task whose request ID is now known: from its dispatch call (By is
	// ByPoll), or from a callback that arrived before that call's answer.
	Accepted struct {
		Item      store.Item
		RequestID string
		By        Way
	}
	// Resending is a dispatch that failed, was not accepted, and is retried.
	Resending struct {
		Item store.Item
		Err  error
		In   time.Duration
	}
	// AnswerLost is a dispatch that failed but may have been accepted. A callback may tell.
	AnswerLost struct {
		Item store.Item
		Err  error
	}
	// AcceptedTwice is a retried dispatch whose first attempt was accepted after all.
	// RequestID is that of the second task, "" if it is not known whether that was accepted.
	AcceptedTwice struct {
		Item      store.Item
		RequestID string
	}
	// PersonAsked is a task that waits for a person. It is reported once for each input ID.
	PersonAsked struct {
		Item      store.Item
		RequestID string
		Input     narada.HumanInput
	}
	// OtherTask is a callback with the task's ticket that names another task, or an ID that
	// is none. It is stored, and is not the answer. It is reported once for each task.
	OtherTask struct {
		Item      store.Item
		RequestID string // of the task that is waited for, "" if unknown
		Named     string // may be any text
	}
	// IDReused is a request ID that the API has given to another task of the store before.
	IDReused struct{ Err *store.ReusedIDError }
	// PollFailed is a status call that failed and is retried. Notable is set for the third
	// failure in a row, and for the first answer about another task; with Many, for the first
	// task only.
	PollFailed struct {
		RequestID string
		Err       error
		Notable   bool
	}
	// PollRefused is a status call that is not retried: only a callback can answer, or,
	// with Ends, the wait has ended. With Many, it is reported for the first task only;
	// without, the end is the error of the wait instead.
	PollRefused struct {
		RequestID string
		Err       error
		Ends      bool
	}
	// CallbackReceived is a callback that arrived here.
	CallbackReceived struct{ Result *narada.Result }
	// EndpointChanged is an event of the endpoint; Err, if not nil, is its cause.
	EndpointChanged struct {
		Event EndpointEvent
		Err   error
	}
	// StoreFailed is a failed read or write of the store. The tasks continue.
	StoreFailed struct {
		Loss Loss
		Err  error
	}
)

// Text says what the callback names.
func (e OtherTask) Text() string {
	text := "a callback"
	if e.RequestID != "" {
		text += " for " + e.RequestID
	}
	if narada.CheckRequestID(e.Named) != nil {
		return fmt.Sprintf("%s names %.60q, which is not a request ID", text, e.Named)
	}
	return text + " names another task, " + e.Named
}

func (Accepted) event()         {}
func (Resending) event()        {}
func (AnswerLost) event()       {}
func (AcceptedTwice) event()    {}
func (PersonAsked) event()      {}
func (OtherTask) event()        {}
func (IDReused) event()         {}
func (PollFailed) event()       {}
func (PollRefused) event()      {}
func (CallbackReceived) event() {}
func (EndpointChanged) event()  {}
func (StoreFailed) event()      {}

// Loss is what a failure of the store affects.
type Loss int

// The losses.
const (
	LossTask           Loss = iota + 1 // the task is not stored
	LossProgress                       // later events are not stored; reported once
	LossAnswer                         // its callback is neither stored nor acknowledged
	LossOtherCallbacks                 // callbacks that arrive at other processes are not seen
)

// Text says what is lost.
func (l Loss) Text() string {
	switch l {
	case LossTask:
		return "this task is not stored"
	case LossProgress:
		return "the task's progress is not stored"
	case LossAnswer:
		return "the answer is not stored"
	}
	return "callbacks that another narada receives are missed"
}
