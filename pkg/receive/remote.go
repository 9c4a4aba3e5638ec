package receive

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/webhook"
)

// watchInterval is how often Remote.Watch looks for the listener.
const watchInterval = 2 * time.Second

// Remote is the endpoint of a listener that another process runs. That process finds the
// tickets in the ledger, and stores the callbacks there.
type Remote struct {
	Listener Listener
	Random   io.Reader // a cryptographic source

	// Running returns the listeners that take callbacks.
	Running func(context.Context) ([]Listener, error)
}

// Issue makes a random ticket.
func (r *Remote) Issue() (webhook.Ticket, error) { return NewTicket(r.Random, secret.Credentials{}) }

// URL is the callback URL of t.
func (r *Remote) URL(t webhook.Ticket) string {
	return strings.TrimSuffix(r.Listener.URL, "/") + t.Path
}

// Withdraw does nothing: the ledger has the ticket.
func (r *Remote) Withdraw(webhook.Ticket) {}

// Watch calls changed when the listener has ended, and when one is there again under its
// name and at its address, until ctx ends.
func (r *Remote) Watch(ctx context.Context, changed func(tunnel.EventKind)) {
	tick := time.Tick(watchInterval)
	for there := true; ; {
		select {
		case <-tick:
		case <-ctx.Done():
			return
		}
		list, err := r.Running(ctx)
		now := slices.ContainsFunc(list, func(l Listener) bool { return l.Name == r.Listener.Name && l.URL == r.Listener.URL })
		switch {
		case err != nil || now == there: // or it is not known
		case now:
			changed(tunnel.Back)
		default:
			changed(tunnel.Lost)
		}
		if err == nil {
			there = now
		}
	}
}
