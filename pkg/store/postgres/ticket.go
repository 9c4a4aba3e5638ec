package postgres

import (
	"context"

	"github.com/narada-cli/narada/pkg/webhook"
)

// Share marks the ticket's path as shared: its callbacks may be for tasks that were
// dispatched elsewhere.
func (l *Store) Share(t webhook.Ticket) { l.tickets.Share(t) }

// Ticket implements webhook.TicketStore for all tasks in the ledger. The tickets of
// finished tasks remain valid, for repeats.
func (l *Store) Ticket(ctx context.Context, path string) (webhook.Ticket, bool, error) {
	if t, ok := l.tickets.Cached(path); ok {
		return t, true, nil
	}
	digest, ok, err := readOne(ctx, l, plain[string], "SELECT ticket_digest FROM @tasks WHERE ticket_path = $1", path)
	if !ok || err != nil {
		return webhook.Ticket{}, false, err
	}
	t, err := webhook.ParseDigest(path, digest)
	if err != nil {
		return webhook.Ticket{}, false, l.newError(err)
	}
	l.tickets.Remember(t)
	return t, true, nil
}
