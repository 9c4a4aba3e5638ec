package sqlite

import (
	"context"
	"database/sql"
	"net/http"
	"time"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

// insertForwards queues the callback for its targets, unmasked: a target may check the
// credentials.
func (t transaction) insertForwards(d *engine.Delivery) error {
	for _, target := range d.Op.Forwarding.Targets {
		err := t.run("INSERT INTO forwards (seq, target, listener, request_id, state, header, body) VALUES (?,?,?,?,?,?,?)",
			d.Seq, target, d.Op.Forwarding.Listener, d.ID, store.ForwardWaiting, engine.EncodeHeader(d.Op.Header), d.Op.Body)
		if err != nil {
			return err
		}
	}
	return nil
}

func (t transaction) forwardTried(op *store.ForwardTried) error {
	failure := t.ledger.mask(op.Failure)
	return t.forwardAttempted(op.Seq, op.At, store.EventDetail{Target: op.Target, State: store.ForwardWaiting, StatusCode: op.StatusCode, Failure: failure},
		"UPDATE forwards SET attempts = attempts + 1 WHERE seq = ? AND target = ? AND state = 'waiting' RETURNING attempts", op.Seq, op.Target)
}

// forwardEnded is idempotent.
func (t transaction) forwardEnded(f store.Forward) error {
	f.Failure = t.ledger.mask(f.Failure)
	return t.forwardAttempted(f.Seq, f.EndedAt, store.EventDetail{Target: f.Target, State: f.State, StatusCode: f.StatusCode, Failure: f.Failure},
		`UPDATE forwards SET state = ?1, attempts = attempts + 1, status_code = ?2, failure = ?3, ended_at = ?4, header = NULL, body = NULL
		WHERE seq = ?5 AND target = ?6 AND NOT (state = ?1 AND ended_at IS ?4) RETURNING attempts`,
		f.State, f.StatusCode, f.Failure, milliseconds(f.EndedAt), f.Seq, f.Target)
}

// forwardAttempted counts an attempt by the update, which returns how many were made so
// far, and adds it to the events of the callback's task.
func (t transaction) forwardAttempted(seq int64, at time.Time, detail store.EventDetail, update string, args ...any) error {
	attempts, err := t.number(update, args...)
	if attempts == 0 || err != nil {
		return err
	}
	task, err := t.number("SELECT t.number FROM tasks t JOIN deliveries d ON d.request_id = t.request_id WHERE d.seq = ?", seq)
	if task == 0 || err != nil { // it was pruned
		return err
	}
	detail.Seq, detail.Attempts = seq, int(attempts)
	return t.addEvent(task, at, store.EventForwardAttempted, detail)
}

// indexForwards indexes until the callbacks that the ops forward have tasks: those sent
// elsewhere get them only then. A large backlog takes several transactions.
func (l *Store) indexForwards(ctx context.Context, ops []store.Op) error {
	for _, op := range ops {
		var err error
		switch op := op.(type) {
		case *store.ForwardTried:
			err = l.indexUpTo(ctx, op.Seq)
		case *store.ForwardEnded:
			err = l.indexUpTo(ctx, op.Seq)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *Store) indexUpTo(ctx context.Context, seq int64) error {
	for {
		_, without, err := readOne(ctx, l, plain[int], `SELECT 1 FROM deliveries d JOIN indexed i ON i.seq < d.seq
			WHERE d.seq = ? AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.request_id = d.request_id)`, seq)
		if !without || err != nil {
			return err
		}
		err = l.writer.put(ctx, &write{do: func(tx transaction) error {
			_, err := indexSome(tx)
			return err
		}})
		if err != nil {
			return err
		}
	}
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
	header, err = engine.DecodeHeader(text.String)
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
