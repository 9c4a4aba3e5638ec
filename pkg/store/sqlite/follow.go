package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// followInterval is how often a follower checks for new data.
const followInterval = 50 * time.Millisecond

// Last returns the number of the newest callback, 0 if there is none.
func (l *Store) Last(ctx context.Context) (seq int64, err error) {
	seq, _, err = readOne(ctx, l, plain[int64], "SELECT coalesce(max(seq), 0) FROM deliveries")
	return seq, err
}

// Follow yields the callbacks after that number, of all processes and in commit order,
// shortly after each is durable, until ctx ends. An error is the last item.
func (l *Store) Follow(ctx context.Context, after int64) iter.Seq2[store.Entry, error] {
	return l.followed(ctx, after, func(int64) bool { return false })
}

// FollowOthers is Follow without the callbacks that this Store stores after the start. Only
// one may run at a time.
func (l *Store) FollowOthers(ctx context.Context, after int64) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		l.own.Collect(true)
		defer l.own.Collect(false)
		l.followed(ctx, after, l.own.Take)(yield)
	}
}

func (l *Store) followed(ctx context.Context, after int64, skip func(seq int64) bool) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		err := l.follow(ctx, after, skip, func(e store.Entry) bool { return yield(e, nil) })
		if err != nil && ctx.Err() == nil {
			yield(store.Entry{}, newError(l.path, err))
		}
	}
}

// follow reads only when data_version shows that another connection has committed.
func (l *Store) follow(ctx context.Context, after int64, skip func(seq int64) bool, yield func(store.Entry) bool) error {
	conn, err := l.read.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	entries, err := conn.PrepareContext(ctx, "SELECT seq, received_at, ticket_path, body FROM deliveries WHERE seq = ?")
	if err != nil {
		return err
	}
	defer entries.Close()
	tick := time.Tick(followInterval)
	for version := int64(-1); ; {
		var now int64
		if err := conn.QueryRowContext(ctx, "PRAGMA data_version").Scan(&now); err != nil {
			return err
		}
		for more := now != version; more; {
			// Bodies are read one by one, to bound memory and to skip some unread.
			rows, err := conn.QueryContext(ctx, "SELECT seq FROM deliveries WHERE seq > ? ORDER BY seq LIMIT 256", after)
			list, err := scanAll(rows, err, plain[int64])
			if err != nil {
				return err
			}
			for _, after = range list {
				if skip(after) {
					continue
				}
				e, err := scanEntry(entries.QueryRowContext(ctx, after))
				switch {
				case errors.Is(err, sql.ErrNoRows): // pruned in the meantime
				case err != nil:
					return err
				case !yield(e):
					return nil
				}
			}
			more = len(list) > 0
		}
		version = now
		select {
		case <-tick:
		case <-ctx.Done():
			return nil
		}
	}
}

func scanEntry(row scanner) (e store.Entry, err error) {
	var body []byte
	if err := row.Scan(&e.Seq, timeColumn{&e.ReceivedAt}, &e.Path, &body); err != nil {
		return e, err
	}
	e.Result, _, err = narada.ParseCallback(body)
	return e, err
}
