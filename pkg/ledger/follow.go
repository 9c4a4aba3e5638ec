package ledger

import (
	"context"
	"database/sql"
	"iter"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// followInterval is how often a follower looks whether anybody has written.
const followInterval = 50 * time.Millisecond

// Last returns the number of the newest callback, 0 when there is none.
func (l *Ledger) Last(ctx context.Context) (seq int64, err error) {
	err = l.read.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM deliveries").Scan(&seq)
	return seq, newError(l.path, err)
}

// Follow yields the callbacks after the one with that number, those that this
// process stores and those of others, each within a moment of its being durable,
// until ctx ends. An error, which is an *Error, is the last.
func (l *Ledger) Follow(ctx context.Context, after int64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		err := l.follow(ctx, after, func(e Entry) bool { return yield(e, nil) })
		if err != nil && ctx.Err() == nil {
			yield(Entry{}, newError(l.path, err))
		}
	}
}

// follow asks for the version of the data, which changes when another connection
// has committed, and reads only then.
func (l *Ledger) follow(ctx context.Context, after int64, yield func(Entry) bool) error {
	conn, err := l.read.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	ticker := time.NewTicker(followInterval)
	defer ticker.Stop()
	for version := int64(-1); ; {
		var now int64
		if err := conn.QueryRowContext(ctx, "PRAGMA data_version").Scan(&now); err != nil {
			return err
		}
		if now != version {
			version = now
			more := true
			for more {
				entries, err := entriesAfter(ctx, conn, after)
				if err != nil {
					return err
				}
				for _, e := range entries {
					after = e.Seq
					if !yield(e) {
						return nil
					}
				}
				more = len(entries) > 0
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// entriesAfter reads the next callbacks, some only, so that memory is bounded.
func entriesAfter(ctx context.Context, conn *sql.Conn, after int64) ([]Entry, error) {
	rows, err := conn.QueryContext(ctx, "SELECT seq, received, path, body FROM deliveries WHERE seq > ? ORDER BY seq LIMIT 16", after)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	err = eachRow(rows, func() (err error) {
		var e Entry
		var received int64
		var body []byte
		if err := rows.Scan(&e.Seq, &received, &e.Path, &body); err != nil {
			return err
		}
		e.ReceivedAt = fromMilliseconds(received)
		if e.Result, _, err = narada.ParseCallback(body); err != nil {
			return err
		}
		entries = append(entries, e)
		return nil
	})
	return entries, err
}
