package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"net/http"

	"github.com/narada-cli/narada/pkg/store"
)

// insertForwards has the callback wait for the targets. It goes on as it came: what
// proves the sender to the target is blanked elsewhere.
func (a *arrival) insertForwards(tx transaction) error {
	for _, target := range a.forwarding.Targets {
		_, err := tx.exec("INSERT INTO forwards (seq, target, listener, request_id, state, header, body) VALUES (?,?,?,?,?,?,?)",
			a.seq, target, a.forwarding.Listener, a.id, store.ForwardWaiting, encodeHeader(a.Header), a.Body)
		if err != nil {
			return err
		}
	}
	return nil
}

// WaitingForwards returns those callbacks after that number that wait for the target
// at the listener, so many at the most, in the order in which they came.
func (l *Store) WaitingForwards(ctx context.Context, target, listener string, after int64, limit int) ([]store.Forward, error) {
	return l.forwards(ctx, "WHERE target = ? AND listener = ? AND state = 'waiting' AND seq > ? ORDER BY seq LIMIT ?", target, listener, after, limit)
}

// FailedForwards returns those that were given up after that number and target, so
// many at the most, in the order in which they came.
func (l *Store) FailedForwards(ctx context.Context, after store.Forward, limit int) ([]store.Forward, error) {
	return l.forwards(ctx, "WHERE state = 'failed' AND (seq, target) > (?, ?) ORDER BY seq, target LIMIT ?", after.Seq, after.Target, limit)
}

// Forwards returns those of the task's callbacks, in the order in which they came.
func (l *Store) Forwards(ctx context.Context, t store.Task) ([]store.Forward, error) {
	return l.forwards(ctx, "WHERE request_id = ? ORDER BY seq, target", t.RequestID)
}

func (l *Store) forwards(ctx context.Context, where string, args ...any) (list []store.Forward, err error) {
	rows, err := l.read.QueryContext(ctx, "SELECT seq, request_id, target, state, attempts, status, failure, coalesce(ended, 0) FROM forwards "+where, args...)
	if err != nil {
		return nil, newError(l.path, err)
	}
	err = eachRow(rows, func() error {
		var f store.Forward
		var ended int64
		if err := rows.Scan(&f.Seq, &f.RequestID, &f.Target, &f.State, &f.Attempts, &f.StatusCode, &f.Failure, &ended); err != nil {
			return err
		}
		if ended != 0 {
			f.EndedAt = fromMilliseconds(ended)
		}
		list = append(list, f)
		return nil
	})
	return list, newError(l.path, err)
}

// CountForwards returns how many callbacks are in that state: of those for the target
// at the listener, or of all, where both are "".
func (l *Store) CountForwards(ctx context.Context, state store.ForwardState, target, listener string) (n int, err error) {
	query, args := "SELECT count(*) FROM forwards WHERE state = ?", []any{state}
	if target != "" {
		query, args = query+" AND target = ? AND listener = ?", append(args, target, listener)
	}
	err = l.read.QueryRowContext(ctx, query, args...).Scan(&n)
	return n, newError(l.path, err)
}

// ForwardContent returns header and body of a callback that waits, as they came; ok is
// false when it does not wait any more, since it has been pruned.
func (l *Store) ForwardContent(ctx context.Context, f store.Forward) (header http.Header, body []byte, ok bool, err error) {
	var text sql.NullString
	err = l.read.QueryRowContext(ctx, "SELECT header, body FROM forwards WHERE seq = ? AND target = ?", f.Seq, f.Target).Scan(&text, &body)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !text.Valid {
		return nil, nil, false, nil
	}
	if err == nil {
		header, err = decodeHeader(text.String)
	}
	return header, body, err == nil, newError(l.path, err)
}

// ForwardEnded writes down how the passing on of a callback has ended, now or in a
// later attempt. What proved the sender is gone then.
func (l *Store) ForwardEnded(ctx context.Context, f store.Forward) error {
	return l.writer.put(ctx, &write{do: func(tx transaction) error {
		_, err := tx.exec("UPDATE forwards SET state = ?, attempts = attempts + ?, status = ?, failure = ?, ended = ?, header = NULL, body = NULL WHERE seq = ? AND target = ?",
			f.State, f.Attempts, f.StatusCode, f.Failure, milliseconds(f.EndedAt), f.Seq, f.Target)
		return err
	}})
}

// ForwardListeners returns the names of the listeners at which callbacks wait for the
// target.
func (l *Store) ForwardListeners(ctx context.Context, target string) (names []string, err error) {
	rows, err := l.read.QueryContext(ctx, "SELECT DISTINCT listener FROM forwards WHERE target = ? AND state = 'waiting' ORDER BY 1", target)
	if err != nil {
		return nil, newError(l.path, err)
	}
	err = eachRow(rows, func() error {
		var name string
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	})
	return names, newError(l.path, err)
}

// MoveForward gives a callback another target.
func (l *Store) MoveForward(ctx context.Context, f store.Forward, target string) error {
	return l.writer.put(ctx, &write{do: func(tx transaction) error {
		_, err := tx.exec("UPDATE OR REPLACE forwards SET target = ? WHERE seq = ? AND target = ?", target, f.Seq, f.Target)
		return err
	}})
}

// AdoptForwards gives the callbacks that wait for the target at one listener, which must
// not run any more, to another.
func (l *Store) AdoptForwards(ctx context.Context, target, from, to string) error {
	return l.writer.put(ctx, &write{do: func(tx transaction) error {
		_, err := tx.exec("UPDATE forwards SET listener = ? WHERE target = ? AND listener = ? AND state = 'waiting'", to, target, from)
		return err
	}})
}

// Callback returns the callback with that number; ok is false when it has been pruned.
func (l *Store) Callback(ctx context.Context, seq int64) (d store.Delivery, ok bool, err error) {
	d, err = scanDelivery(l.read.QueryRowContext(ctx, "SELECT "+deliveryColumns+" FROM deliveries d WHERE seq = ?", seq))
	if errors.Is(err, sql.ErrNoRows) {
		return store.Delivery{}, false, nil
	}
	return d, err == nil, newError(l.path, err)
}
