package receive

import (
	"time"

	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Event is an event of an endpoint.
type Event interface{ event() }

// The events.
type (
	// CloseFailed: closing the endpoint failed.
	CloseFailed struct{ Err error }

	// NotReady: the address does not answer yet. It is reported once.
	NotReady struct {
		URL    string // of the ticket
		Ticket webhook.Ticket
		Err    error
	}
	// Ready: the address answers.
	Ready struct {
		URL    string // of the ticket
		Ticket webhook.Ticket
		Late   bool // NotReady was reported before
	}

	// Draining: it was interrupted, and takes callbacks for that time.
	Draining struct{ For time.Duration }

	// TunnelChanged: the tunnel is lost or back.
	TunnelChanged struct{ Kind tunnel.EventKind }

	// Refused: a request was refused.
	Refused struct {
		Method     string
		StatusCode int // of the answer
		Reason     error

		// Times is set if address and headers of the request were right, at most once a
		// minute for each reason: how many were refused for it since.
		Times int
	}
	// NotStored: callbacks could not be stored and were not acknowledged. It is reported at
	// most once a minute for each reason.
	NotStored struct {
		Err   error
		Times int // how many since the last report
	}
	// FilteredOut: a callback was stored that the filter excludes.
	FilteredOut struct {
		RequestID string
		Err       error // of the filter
	}
	// Accepted: a callback was stored, and printed if that is configured.
	Accepted struct {
		RequestID string
		Further   bool // an earlier final callback had another body
	}
	// NotPrinted: callbacks were not printed, since the reader of stdout stalled or Print was
	// ended.
	NotPrinted struct{}
)

func (CloseFailed) event()   {}
func (NotReady) event()      {}
func (Ready) event()         {}
func (Draining) event()      {}
func (TunnelChanged) event() {}
func (Refused) event()       {}
func (NotStored) event()     {}
func (FilteredOut) event()   {}
func (Accepted) event()      {}
func (NotPrinted) event()    {}
