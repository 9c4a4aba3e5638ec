package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"iter"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

// followInterval is how often a follower checks for new data.
const followInterval = 50 * time.Millisecond

const newestQuery = "SELECT max(coalesce(max(seq), 0), (SELECT seq FROM indexed)) FROM deliveries"

// Last returns the number of the newest callback, which may have been pruned, 0 if there was
// none.
func (l *Store) Last(ctx context.Context) (seq int64, err error) {
	seq, _, err = readOne(ctx, l, plain[int64], newestQuery)
	return seq, err
}

// Follow yields the callbacks after that number, of all processes and in commit order,
// shortly after each is durable, until ctx ends. An error is the last item.
func (l *Store) Follow(ctx context.Context, after int64) iter.Seq2[store.Entry, error] {
	return engine.Entries(ctx, func(yield func(store.Entry) bool) error {
		return newError(l.path, l.follow(ctx, after, nil, yield))
	})
}

// FollowOthers is Follow without the callbacks that this Store stores after the start, and of
// the others it reads those that are wanted. wanted is called when there are new ones; what
// is added to it later need not be among them. Only one FollowOthers may run at a time.
func (l *Store) FollowOthers(ctx context.Context, after int64, wanted func() store.Wanted) iter.Seq2[store.Entry, error] {
	return engine.Entries(ctx, func(yield func(store.Entry) bool) error {
		l.own.Collect(true)
		defer l.own.Collect(false)
		return newError(l.path, l.follow(ctx, after, wanted, yield))
	})
}

// follow reads only when data_version shows that another connection has committed.
func (l *Store) follow(ctx context.Context, after int64, wanted func() store.Wanted, yield func(store.Entry) bool) error {
	conn, err := l.read.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	f := &engine.Follower{After: after, Wanted: wanted, Own: &l.own}
	f.Newest = func(ctx context.Context) (newest int64, err error) {
		err = conn.QueryRowContext(ctx, newestQuery).Scan(&newest)
		return newest, err
	}
	f.Seqs = func(ctx context.Context, newest int64, all bool, w store.Wanted) ([]int64, bool, error) {
		rows, err := conn.QueryContext(ctx, `SELECT seq FROM deliveries WHERE seq > ? AND seq <= ? AND (? OR ticket_path IN (SELECT value FROM json_each(?))
			OR request_id IN (SELECT value FROM json_each(?))) ORDER BY seq LIMIT ?`, f.After, newest, all, jsonArray(w.Paths), jsonArray(w.RequestIDs), engine.FollowPage)
		list, err := scanAll(rows, err, plain[int64])
		return list, true, err
	}
	f.Entry = func(ctx context.Context, seq int64) (store.Entry, bool, error) {
		e, err := scanEntry(conn.QueryRowContext(ctx, "SELECT seq, received_at, ticket_path, body FROM deliveries WHERE seq = ?", seq))
		if errors.Is(err, sql.ErrNoRows) {
			return e, false, nil
		}
		return e, true, err
	}
	tick := time.Tick(followInterval)
	for version := int64(-1); ; {
		var now int64
		if err := conn.QueryRowContext(ctx, "PRAGMA data_version").Scan(&now); err != nil {
			return err
		}
		for more := now != version; more; {
			if more, err = f.Read(ctx, yield); err != nil || ctx.Err() != nil {
				return err
			}
		}
		version = now
		select {
		case <-tick:
		case <-ctx.Done():
			return nil
		}
	}
}

func jsonArray(list []string) string {
	doc, _ := json.Marshal(list) // strings
	return string(doc)
}

func scanEntry(row scanner) (e store.Entry, err error) {
	var body []byte
	if err := row.Scan(&e.Seq, timeColumn{&e.ReceivedAt}, &e.Path, &body); err != nil {
		return e, err
	}
	e.Result, _, err = narada.ParseCallback(body)
	return e, err
}
