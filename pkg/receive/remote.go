package receive

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync"
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
	Listener Listener  // at the beginning; it may come back at another URL
	Random   io.Reader // a cryptographic source

	// Running returns the listeners that take callbacks.
	Running func(context.Context) ([]Listener, error)

	mu sync.Mutex // of Listener
}

// Issue makes a random ticket.
func (r *Remote) Issue() (webhook.Ticket, error) { return NewTicket(r.Random, secret.Credentials{}) }

// URL is the callback URL of t.
func (r *Remote) URL(t webhook.Ticket) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.TrimSuffix(r.Listener.URL, "/") + t.Path
}

// Withdraw does nothing: the ledger has the ticket.
func (r *Remote) Withdraw(webhook.Ticket) {}

// Watch calls changed when the listener has ended, and when one is there again under its
// name, until ctx ends. The callbacks of later tasks go to the URL of that one.
func (r *Remote) Watch(ctx context.Context, changed func(tunnel.EventKind)) {
	tick := time.Tick(watchInterval)
	for there := true; ; {
		select {
		case <-tick:
		case <-ctx.Done():
			return
		}
		list, err := r.Running(ctx)
		now := slices.ContainsFunc(list, r.follow)
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

// follow reports whether the listener has the name, and takes its URL.
func (r *Remote) follow(l Listener) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l.Name != r.Listener.Name {
		return false
	}
	r.Listener = l
	return true
}
