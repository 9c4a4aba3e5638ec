package receive

import (
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Event is what happens at an endpoint.
type Event interface{ event() }

// The events.
type (
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

	// TunnelChanged says that the tunnel is lost, or back.
	TunnelChanged struct{ Kind tunnel.EventKind }

	// Refused says that a request was not accepted.
	Refused struct {
		Method     string
		StatusCode int // that it was answered
		Reason     error
	}
	// NotStored says that a callback could not be stored, and was not acknowledged.
	NotStored struct{ Err error }
	// FilteredOut says that a callback was stored that is not wanted.
	FilteredOut struct {
		RequestID string
		Err       error // it could not be told
	}
	// Accepted says that a callback was stored, and printed if it is to be.
	Accepted struct {
		RequestID string
		Further   bool // there was a final one before, with another body
	}
	// NotPrinted says that callbacks were not printed, since their reader has stalled.
	NotPrinted struct{}
)

func (CloseFailed) event()   {}
func (NotReady) event()      {}
func (Ready) event()         {}
func (TunnelChanged) event() {}
func (Refused) event()       {}
func (NotStored) event()     {}
func (FilteredOut) event()   {}
func (Accepted) event()      {}
func (NotPrinted) event()    {}
