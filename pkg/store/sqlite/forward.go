package sqlite

import (
	"context"
	"database/sql"
	"net/http"

	"github.com/narada-cli/narada/pkg/store"
)

// insertForwards queues the callback for its targets, unmasked: a target may check the
// credentials.
func (t transaction) insertForwards(d *delivery) error {
	for _, target := range d.op.Forwarding.Targets {
		err := t.run("INSERT INTO forwards (seq, target, listener, request_id, state, header, body) VALUES (?,?,?,?,?,?,?)",
			d.seq, target, d.op.Forwarding.Listener, d.id, store.ForwardWaiting, encodeHeader(d.op.Header), d.op.Body)
		if err != nil {
			return err
		}
	}
	return nil
}

func (t transaction) forwardTried(op *store.ForwardTried) error {
	return t.forwardEvent(op.Seq, op.At, store.EventDetail{Target: op.Target, State: store.ForwardWaiting, Attempts: op.Attempts, StatusCode: op.StatusCode, Failure: op.Failure})
}

// forwardEnded is idempotent.
func (t transaction) forwardEnded(f store.Forward) error {
	changed, err := t.change(`UPDATE forwards SET state = ?1, attempts = attempts + ?2, status_code = ?3, failure = ?4, ended_at = ?5, header = NULL, body = NULL
		WHERE seq = ?6 AND target = ?7 AND NOT (state = ?1 AND ended_at IS ?5)`,
		f.State, f.Attempts, f.StatusCode, f.Failure, milliseconds(f.EndedAt), f.Seq, f.Target)
	if changed == 0 || err != nil {
		return err
	}
	return t.forwardEvent(f.Seq, f.EndedAt, store.EventDetail{Target: f.Target, State: f.State, Attempts: f.Attempts, StatusCode: f.StatusCode, Failure: f.Failure})
}

// WaitingForwards returns up to limit callbacks after number after that wait for the
// target at the listener, oldest first.
func (l *Store) WaitingForwards(ctx context.Context, target, listener string, after int64, limit int) ([]store.Forward, error) {
	return l.forwards(ctx, "WHERE target = ? AND listener = ? AND state = 'waiting' AND seq > ? ORDER BY seq LIMIT ?", target, listener, after, limit)
}

// FailedForwards returns up to limit failed ones after that number and target, oldest
// first.
func (l *Store) FailedForwards(ctx context.Context, after store.Forward, limit int) ([]store.Forward, error) {
	return l.forwards(ctx, "WHERE state = 'failed' AND (seq, target) > (?, ?) ORDER BY seq, target LIMIT ?", after.Seq, after.Target, limit)
}

// Forwards returns those of the task's callbacks, oldest first.
func (l *Store) Forwards(ctx context.Context, t store.Task) ([]store.Forward, error) {
	return l.forwards(ctx, "WHERE request_id = ? ORDER BY seq, target", t.RequestID)
}

func (l *Store) forwards(ctx context.Context, where string, args ...any) ([]store.Forward, error) {
	return readAll(ctx, l, scanForward, "SELECT seq, request_id, target, state, attempts, status_code, failure, ended_at FROM forwards "+where, args...)
}

func scanForward(row scanner) (f store.Forward, err error) {
	err = row.Scan(&f.Seq, &f.RequestID, &f.Target, &f.State, &f.Attempts, &f.StatusCode, &f.Failure, timeColumn{&f.EndedAt})
	return f, err
}

// CountForwards counts the callbacks in a state: for the target at the listener, or all
// if both are "".
func (l *Store) CountForwards(ctx context.Context, state store.ForwardState, target, listener string) (n int, err error) {
	query, args := "SELECT count(*) FROM forwards WHERE state = ?", []any{state}
	if target != "" {
		query, args = query+" AND target = ? AND listener = ?", append(args, target, listener)
	}
	n, _, err = readOne(ctx, l, plain[int], query, args...)
	return n, err
}

// ForwardContent returns header and body of a waiting callback as received; ok is false
// if it no longer waits.
func (l *Store) ForwardContent(ctx context.Context, f store.Forward) (header http.Header, body []byte, ok bool, err error) {
	text, ok, err := readOne(ctx, l, func(row scanner) (text sql.NullString, err error) {
		err = row.Scan(&text, &body)
		return text, err
	}, "SELECT header, body FROM forwards WHERE seq = ? AND target = ?", f.Seq, f.Target)
	if !ok || !text.Valid {
		return nil, nil, false, err
	}
	header, err = decodeHeader(text.String)
	return header, body, err == nil, newError(l.path, err)
}

// ForwardListeners returns the names of the listeners with callbacks for the target.
func (l *Store) ForwardListeners(ctx context.Context, target string) (names []string, err error) {
	return readAll(ctx, l, plain[string], "SELECT DISTINCT listener FROM forwards WHERE target = ? AND state = 'waiting' ORDER BY 1", target)
}

// Callback returns the callback with that number; ok is false if it has been pruned.
func (l *Store) Callback(ctx context.Context, seq int64) (d store.Delivery, ok bool, err error) {
	return readOne(ctx, l, scanDelivery, "SELECT "+deliveryColumns+" FROM deliveries d WHERE seq = ?", seq)
}
