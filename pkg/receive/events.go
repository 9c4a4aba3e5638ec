package receive

import (
	"net/url"
	"time"

	"github.com/narada-cli/narada/pkg/webhook"
)

// Event is what happens at an endpoint.
type Event interface{ event() }

// The events.
type (
	// Opening says that an endpoint is being opened.
	Opening struct{}
	// Opened says that it is open.
	Opened struct {
		URL  *url.URL
		Took time.Duration
	}
	// CloseFailed says that the endpoint could not be closed in good order.
	CloseFailed struct{ Err error }

	// NotReady says, once, that the address does not answer yet, from here.
	NotReady struct {
		URL    string // of the ticket
		Ticket webhook.Ticket
		Err    error
	}
	// Ready says that the address answers.
	Ready struct {
		URL    string // of the ticket
		Ticket webhook.Ticket
		Late   bool // NotReady came before
	}

	// TunnelLost says that no callback can come in until TunnelBack.
	TunnelLost struct{}
	// TunnelBack says that callbacks can come in again.
	TunnelBack struct{}

	// Refused says that a request was not accepted.
	Refused struct {
		Method     string
		StatusCode int // that it was answered
		Reason     error
	}
	// NotStored says that a callback could not be stored, and was not acknowledged.
	NotStored struct{ Err error }
	// FilteredOut says that a callback was stored that is not wanted.
	FilteredOut struct{ RequestID string }
	// FilterFailed says that a callback was stored of which it cannot be told whether it
	// is wanted: it is not.
	FilterFailed struct {
		RequestID string
		Err       error
	}
	// Further says that the callback that is printed next is a further one for a finished
	// task, with another body.
	Further struct{ RequestID string }
	// Accepted says that a callback was stored, and printed if it is to be.
	Accepted struct{ RequestID string }
	// NotPrinted says that callbacks were not printed, since their reader has stalled.
	NotPrinted struct{}
)

func (Opening) event()      {}
func (Opened) event()       {}
func (CloseFailed) event()  {}
func (NotReady) event()     {}
func (Ready) event()        {}
func (TunnelLost) event()   {}
func (TunnelBack) event()   {}
func (Refused) event()      {}
func (NotStored) event()    {}
func (FilteredOut) event()  {}
func (FilterFailed) event() {}
func (Further) event()      {}
func (Accepted) event()     {}
func (NotPrinted) event()   {}
