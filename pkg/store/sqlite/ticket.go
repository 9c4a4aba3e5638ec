package sqlite

import (
	"context"

	"github.com/narada-cli/narada/pkg/webhook"
)

// maxTickets limits the cache.
const maxTickets = 10_000

func (l *Store) remember(t webhook.Ticket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.tickets) >= maxTickets {
		clear(l.tickets)
	}
	l.tickets[t.Path] = t
}

// Share marks the ticket's path as shared: its callbacks may be for tasks that were
// dispatched elsewhere.
func (l *Store) Share(t webhook.Ticket) { l.shared.Store(t.Path, t) }

// sharedTicket returns the ticket that Share was called with for the path.
func (l *Store) sharedTicket(path string) (t webhook.Ticket, ok bool) {
	shared, ok := l.shared.Load(path)
	if ok {
		t = shared.(webhook.Ticket)
	}
	return t, ok
}

// Ticket implements webhook.TicketStore for all tasks in the ledger. The tickets of
// finished tasks remain valid, for repeats.
func (l *Store) Ticket(ctx context.Context, path string) (webhook.Ticket, bool, error) {
	l.mu.Lock()
	t, ok := l.tickets[path]
	l.mu.Unlock()
	if ok {
		return t, true, nil
	}
	digest, ok, err := readOne(ctx, l, plain[string], "SELECT ticket_digest FROM tasks WHERE ticket_path = ?", path)
	if !ok && err == nil {
		err = newError(l.path, l.checkIdentity()) // another file may have it
	}
	if !ok || err != nil {
		return webhook.Ticket{}, false, err
	}
	if t, err = webhook.ParseDigest(path, digest); err != nil {
		return webhook.Ticket{}, false, newError(l.path, err)
	}
	l.remember(t)
	return t, true, nil
}
