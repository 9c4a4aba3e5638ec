package postgres

import (
	"context"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/webhook"
)

// RegisterListener implements store.Listeners. It may be repeated if its answer is lost.
func (l *Store) RegisterListener(ctx context.Context, one store.Listener, join bool) (webhook.Ticket, error) {
	var taken bool
	var url, path, digest string
	scan := func(row scanner) (struct{}, error) { return struct{}{}, row.Scan(&taken, &url, &path, &digest) }
	_, _, err := readOne(ctx, l, scan, "SELECT taken, url, path, digest FROM @register_listener($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		one.ID, one.Name, one.URL, one.Ticket.Path, one.Ticket.Digest(), one.Machine, int64(one.PID), join, one.Lease.Seconds())
	switch {
	case err != nil:
		return webhook.Ticket{}, err
	case taken:
		return webhook.Ticket{}, &store.NameTakenError{Name: one.Name, URL: url}
	case path == one.Ticket.Path:
		return one.Ticket, nil
	}
	t, err := webhook.ParseDigest(path, digest)
	return t, l.newError(err)
}

// RenewListener implements store.Listeners.
func (l *Store) RenewListener(ctx context.Context, one store.Listener) (ok bool, err error) {
	_, ok, err = readOne(ctx, l, plain[string], `UPDATE @listeners SET url = $2, ready = $3, lease_until = clock_timestamp() + make_interval(secs => $4)
		WHERE id = $1 RETURNING id`, one.ID, one.URL, one.Ready, one.Lease.Seconds())
	return ok, err
}

// RemoveListener implements store.Listeners.
func (l *Store) RemoveListener(ctx context.Context, id string) error {
	_, _, err := readOne(ctx, l, plain[string], "DELETE FROM @listeners WHERE id = $1 RETURNING id", id)
	return err
}

// RunningListeners implements store.Listeners.
func (l *Store) RunningListeners(ctx context.Context) ([]store.Listener, error) {
	return readAll(ctx, l, scanListener, `SELECT DISTINCT ON (name) id, name, url, machine, pid, since FROM @listeners
		WHERE ready AND lease_until > clock_timestamp() ORDER BY name, since`)
}

func scanListener(row scanner) (one store.Listener, err error) {
	one.Ready = true
	err = row.Scan(&one.ID, &one.Name, &one.URL, &one.Machine, &one.PID, timeColumn{&one.Since})
	return one, err
}

var _ store.Listeners = (*Store)(nil)
