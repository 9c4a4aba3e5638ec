package postgres

import (
	"context"
	"net/http"
	"time"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

// WaitingForwards returns up to limit callbacks after number after that wait for the
// target at the listener, oldest first.
func (l *Store) WaitingForwards(ctx context.Context, target, listener string, after int64, limit int) ([]store.Forward, error) {
	return l.forwards(ctx, "WHERE target = $1 AND listener = $2 AND state = 'waiting' AND seq > $3 ORDER BY seq LIMIT $4", target, listener, after, limit)
}

// FailedForwards returns up to limit failed ones after that number and target, oldest
// first.
func (l *Store) FailedForwards(ctx context.Context, after store.Forward, limit int) ([]store.Forward, error) {
	return l.forwards(ctx, "WHERE state = 'failed' AND (seq, target) > ($1, $2) ORDER BY seq, target LIMIT $3", after.Seq, after.Target, limit)
}

// Forwards returns those of the task's callbacks, oldest first.
func (l *Store) Forwards(ctx context.Context, t store.Task) ([]store.Forward, error) {
	return l.forwards(ctx, "WHERE request_id = $1 ORDER BY seq, target", t.RequestID)
}

func (l *Store) forwards(ctx context.Context, where string, args ...any) ([]store.Forward, error) {
	return readAll(ctx, l, scanForward, "SELECT seq, request_id, target, state, attempts, status_code, failure, ended_at FROM @forwards "+where, args...)
}

func scanForward(row scanner) (f store.Forward, err error) {
	err = row.Scan(&f.Seq, &f.RequestID, &f.Target, &f.State, &f.Attempts, &f.StatusCode, &f.Failure, timeColumn{&f.EndedAt})
	return f, err
}

// CountForwards counts the callbacks in a state: for the target at the listener, or all
// if both are "".
func (l *Store) CountForwards(ctx context.Context, state store.ForwardState, target, listener string) (n int, err error) {
	n, _, err = readOne(ctx, l, plain[int], "SELECT count(*) FROM @forwards WHERE state = $1 AND ($2 = '' OR target = $2 AND listener = $3)", string(state), target, listener)
	return n, err
}

// ForwardContent returns header and body of a waiting callback as received; ok is false
// if it no longer waits.
func (l *Store) ForwardContent(ctx context.Context, f store.Forward) (header http.Header, body []byte, ok bool, err error) {
	var text []byte
	_, ok, err = readOne(ctx, l, func(row scanner) (none struct{}, err error) { return none, row.Scan(&text, &body) },
		"SELECT header, body FROM @forwards WHERE seq = $1 AND target = $2 AND header IS NOT NULL", f.Seq, f.Target)
	if !ok || err != nil {
		return nil, nil, false, err
	}
	header, err = engine.DecodeHeader(string(text))
	return header, body, err == nil, l.newError(err)
}

// ForwardListeners returns the names of the listeners with callbacks for the target.
func (l *Store) ForwardListeners(ctx context.Context, target string) (names []string, err error) {
	return readAll(ctx, l, plain[string], "SELECT DISTINCT listener FROM @forwards WHERE target = $1 AND state = 'waiting' ORDER BY 1", target)
}

// LeaseForwarding implements store.Leases.
func (l *Store) LeaseForwarding(ctx context.Context, listener, target string, number int64, d time.Duration) (int64, error) {
	if number == 0 {
		number, _, err := readOne(ctx, l, plain[int64], `INSERT INTO @forwarders AS f (listener, target, lease_until) VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
			ON CONFLICT (listener, target) DO UPDATE SET number = excluded.number, lease_until = excluded.lease_until WHERE f.lease_until <= clock_timestamp() RETURNING number`,
			listener, target, d.Seconds())
		return number, err
	}
	number, _, err := readOne(ctx, l, plain[int64], `UPDATE @forwarders SET lease_until = clock_timestamp() + make_interval(secs => $4)
		WHERE listener = $1 AND target = $2 AND number = $3 RETURNING number`, listener, target, number, d.Seconds())
	return number, err
}

var _ store.Leases = (*Store)(nil)
