package store

import (
	"context"
	"time"

	"github.com/narada-cli/narada/pkg/webhook"
)

// Listeners is implemented by a Ledger of several machines. It has their listen commands.
// Each has a lease by the clock of the ledger.
type Listeners interface {
	// RegisterListener registers a listener. If others run under its name, it is a replica
	// of them if join is set and their URL is its own. t is the ticket of all of them: only
	// its digests are known of that of others. Otherwise the error is a *NameTakenError.
	// Those whose lease has ended within the last minute share their ticket, too: they may
	// only have been unable to renew it. The same ID may be registered again.
	RegisterListener(ctx context.Context, l Listener, join bool) (t webhook.Ticket, err error)

	// RenewListener renews the lease, and sets URL and Ready. ok is false if the listener is
	// not registered any more, since another one has got its name, or the ledger has lost it.
	RenewListener(ctx context.Context, l Listener) (ok bool, err error)

	// RemoveListener ends the registration.
	RemoveListener(ctx context.Context, id string) error

	// RunningListeners returns those that take callbacks, one of each name, sorted by name.
	RunningListeners(ctx context.Context) ([]Listener, error)
}

// Listener is a listen command.
type Listener struct {
	ID      string // of its registration
	Name    string
	URL     string // the base of its callback URLs; "": not known yet
	Machine string
	PID     int
	Ready   bool           // it takes callbacks
	Since   time.Time      // set when it is registered
	Ticket  webhook.Ticket // for callbacks of tasks that were dispatched elsewhere
	Lease   time.Duration  // after which it is taken for dead
}

// NameTakenError is a name that another listener has.
type NameTakenError struct{ Name, URL string }

func (e *NameTakenError) Error() string { return "another listener has the name " + e.Name }
