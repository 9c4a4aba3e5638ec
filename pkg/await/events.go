package await

import (
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// Event is what an Engine reports: one of the structs below. Those of one task come
// in order; those of several may come at once. Item is the task's line of a batch,
// its zero value when it is of none.
type Event interface{ event() }

type (
	// Accepted is a task whose request ID is known: from its dispatch call (By is
	// ByPoll), or from a callback when that call's answer is not there yet, or is lost.
	Accepted struct {
		Item      store.Item
		RequestID string
		By        Way
	}
	// Resending is a dispatch that failed, of which nothing was accepted, and that is
	// sent again.
	Resending struct {
		Item store.Item
		Err  error
		In   time.Duration
	}
	// AnswerLost is a dispatch that failed, and may have been accepted. A callback may
	// tell.
	AnswerLost struct {
		Item store.Item
		Err  error
	}
	// AcceptedTwice is a dispatch that the cloud had refused, and was sent again, but
	// had been accepted. RequestID is that of the second task, "" when that may have
	// been accepted, and nobody knows its ID.
	AcceptedTwice struct {
		Item      store.Item
		RequestID string
	}
	// PersonAsked is a task that waits for a person. It comes once for each input ID.
	PersonAsked struct {
		Item      store.Item
		RequestID string
		Input     narada.HumanInput
	}
	// PollFailed is a status call that failed, and is made again. Notable is true for
	// the third in a row; with Many tasks, for the first that it happens to alone.
	PollFailed struct {
		RequestID string
		Err       error
		Notable   bool
	}
	// PollRefused is a status call that is not made again: only a callback can tell.
	// With Many tasks it comes for the first alone.
	PollRefused struct {
		RequestID string
		Err       error
	}
	// CallbackReceived is a callback that came in here.
	CallbackReceived struct{ Result *narada.Result }
	// EndpointChanged is something that happened to the endpoint; Err, if not nil, is
	// why.
	EndpointChanged struct {
		Event EndpointEvent
		Err   error
	}
	// StoreFailed is a store that could not be read or written. The tasks run on.
	StoreFailed struct {
		Loss Loss
		Err  error
	}
)

func (Accepted) event()         {}
func (Resending) event()        {}
func (AnswerLost) event()       {}
func (AcceptedTwice) event()    {}
func (PersonAsked) event()      {}
func (PollFailed) event()       {}
func (PollRefused) event()      {}
func (CallbackReceived) event() {}
func (EndpointChanged) event()  {}
func (StoreFailed) event()      {}

// Loss is what is lost when the store fails.
type Loss int

// The losses.
const (
	LossTask           Loss = iota + 1 // the task is not kept
	LossProgress                       // it is, but not what happens to it from now on; reported once
	LossAnswer                         // its callback is not kept, nor acknowledged
	LossOtherCallbacks                 // callbacks that come in at other processes are not seen
)
