package postgres

import (
	"context"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

// Refuse notes a refused callback, which is stored later if its path is a task's, or a shared
// one and the header fits: an unauthenticated request must not delay others. The newest
// store.MaxRefusals of a path, store.MaxOtherRefusals of paths without a task and
// store.MaxAllRefusals in total are kept, without bodies; of a burst at most
// store.MaxRefusalBurst.
func (l *Store) Refuse(path string, r store.Refusal) {
	ticket, shared := l.tickets.Shared(path) // for the names of its headers
	switch {
	case shared && !r.HeaderFits:
		return
	case !shared:
		ticket, _, _ = l.Ticket(context.Background(), path)
	}
	l.refused.Note(path, r, ticket.Header, l.o.Mask)
}

// writeRefusals stores the noted refusals.
func (l *Store) writeRefusals(ctx context.Context) error {
	return l.newError(l.refused.Store(func(list []store.Refusal) error {
		one := &write{}
		for _, r := range list {
			_, shared := l.tickets.Shared(r.Path)
			one.do = append(one.do, call("SELECT @refusal($1, $2, $3, $4, $5, $6, $7, $8)", r.ReceivedAt, r.Path, int32(r.StatusCode), r.Reason, r.Size,
				[]byte(engine.EncodeHeader(r.Header)), shared, store.MaxRefusals))
		}
		one.do = append(one.do, call("SELECT @bound_refusals($1, $2)", store.MaxOtherRefusals, store.MaxAllRefusals))
		return l.writer.Put(ctx, one)
	}))
}

// Refusals returns the refused callbacks to the task's path, oldest first.
func (l *Store) Refusals(ctx context.Context, t store.Task) ([]store.Refusal, error) {
	return l.refusals(ctx, "WHERE ticket_path = $1 ORDER BY seq", t.TicketPath)
}

// RecentRefusals returns up to limit refused callbacks to paths without a task, those of
// listeners, newest first.
func (l *Store) RecentRefusals(ctx context.Context, limit int) ([]store.Refusal, error) {
	return l.refusals(ctx, "WHERE NOT EXISTS (SELECT 1 FROM @tasks t WHERE t.ticket_path = r.ticket_path) ORDER BY seq DESC LIMIT $1", limit)
}

func (l *Store) refusals(ctx context.Context, where string, args ...any) ([]store.Refusal, error) {
	if err := l.writeRefusals(ctx); err != nil {
		return nil, err
	}
	return readAll(ctx, l, scanRefusal, "SELECT seq, received_at, ticket_path, status_code, reason, size, header FROM @refusals r "+where, args...)
}

func scanRefusal(row scanner) (r store.Refusal, err error) {
	err = row.Scan(&r.Seq, timeColumn{&r.ReceivedAt}, &r.Path, &r.StatusCode, &r.Reason, &r.Size, headerColumn{&r.Header})
	return r, err
}
