package sqlite

import (
	"context"
	"strings"

	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
)

// The bounds of what is kept of refused callbacks.
const (
	mostRefusals      = 20      // of one task, the newest
	mostRefusedHeader = 4 << 10 // bytes
	mostReason        = 200     // bytes
	mostAllRefusals   = 10_000  // of all tasks
	mostAtOnce        = 100
)

// Refuse notes a refused callback, which is written down a moment later if it came
// to a task's path: whoever is refused must not take the time of others. The newest
// 20 of a task are kept, and 10,000 in all, without their bodies; when more than 100
// come in a moment, the rest is not.
func (l *Store) Refuse(path string, r store.Refusal) {
	ticket, _, _ := l.Ticket(context.Background(), path) // its headers may be called anything
	r.Header = secret.MaskHeader(r.Header, ticket.Header)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.refused) < mostAtOnce {
		l.refused = append(l.refused, refused{path, r})
	}
}

// refused is a Refusal that is not written down yet.
type refused struct {
	path string
	store.Refusal
}

// writeRefusals writes down what was noted.
func (l *Store) writeRefusals(ctx context.Context) error {
	l.mu.Lock()
	list := l.refused
	l.refused = nil
	l.mu.Unlock()
	if len(list) == 0 {
		return nil
	}
	return l.writer.put(ctx, &write{do: func(tx transaction) error {
		for _, r := range list {
			if err := r.insert(tx); err != nil {
				return err
			}
		}
		_, err := tx.exec("DELETE FROM refusals WHERE seq <= (SELECT max(seq) FROM refusals) - ?", mostAllRefusals)
		return err
	}})
}

func (r refused) insert(tx transaction) error {
	header := encodeHeader(r.Header)
	if len(header) > mostRefusedHeader {
		header = ""
	}
	if len(r.Reason) > mostReason {
		r.Reason = strings.ToValidUTF8(r.Reason[:mostReason], "")
	}
	if _, err := tx.exec("INSERT INTO refusals (received, path, status, reason, size, header) SELECT ?1,?2,?3,?4,?5,?6 WHERE EXISTS (SELECT 1 FROM tasks WHERE path = ?2)",
		milliseconds(r.ReceivedAt), r.path, r.StatusCode, r.Reason, r.Size, header); err != nil {
		return err
	}
	_, err := tx.exec("DELETE FROM refusals WHERE path = ?1 AND seq <= (SELECT seq FROM refusals WHERE path = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)", r.path, mostRefusals)
	return err
}

// Refusals returns the refused callbacks that came to the task's path, the oldest
// first.
func (l *Store) Refusals(ctx context.Context, t store.Task) ([]store.Refusal, error) {
	if err := l.writeRefusals(ctx); err != nil && !cannotWrite(err) {
		return nil, err
	}
	rows, err := l.read.QueryContext(ctx, "SELECT received, status, reason, size, header FROM refusals WHERE path = ? ORDER BY seq", t.TicketPath)
	if err != nil {
		return nil, newError(l.path, err)
	}
	var list []store.Refusal
	err = eachRow(rows, func() (err error) {
		var r store.Refusal
		var received int64
		var header string
		if err := rows.Scan(&received, &r.StatusCode, &r.Reason, &r.Size, &header); err != nil {
			return err
		}
		r.ReceivedAt = fromMilliseconds(received)
		r.Header, err = decodeHeader(header)
		list = append(list, r)
		return err
	})
	return list, newError(l.path, err)
}
