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
)

// followInterval is how often a follower checks for new data.
const followInterval = 50 * time.Millisecond

const newestQuery = "SELECT coalesce(max(seq), 0) FROM deliveries"

// Last returns the number of the newest callback, 0 if there is none.
func (l *Store) Last(ctx context.Context) (seq int64, err error) {
	seq, _, err = readOne(ctx, l, plain[int64], newestQuery)
	return seq, err
}

// Follow yields the callbacks after that number, of all processes and in commit order,
// shortly after each is durable, until ctx ends. An error is the last item.
func (l *Store) Follow(ctx context.Context, after int64) iter.Seq2[store.Entry, error] {
	return l.followed(ctx, &follower{ledger: l, after: after})
}

// FollowOthers is Follow without the callbacks that this Store stores after the start, and of
// the others it reads those that are wanted. wanted is called when there are new ones; what
// is added to it later need not be among them. Only one FollowOthers may run at a time.
func (l *Store) FollowOthers(ctx context.Context, after int64, wanted func() store.Wanted) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		l.own.Collect(true)
		defer l.own.Collect(false)
		l.followed(ctx, &follower{ledger: l, after: after, wanted: wanted})(yield)
	}
}

// follower reads new callbacks.
type follower struct {
	ledger *Store
	after  int64               // the number of the last one that was looked at
	wanted func() store.Wanted // nil: all, those of this Store too
}

func (l *Store) followed(ctx context.Context, f *follower) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		err := f.follow(ctx, func(e store.Entry) bool { return yield(e, nil) })
		if err != nil && ctx.Err() == nil {
			yield(store.Entry{}, newError(l.path, err))
		}
	}
}

// follow reads only when data_version shows that another connection has committed.
func (f *follower) follow(ctx context.Context, yield func(store.Entry) bool) error {
	conn, err := f.ledger.read.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	tick := time.Tick(followInterval)
	for version := int64(-1); ; {
		var now int64
		if err := conn.QueryRowContext(ctx, "PRAGMA data_version").Scan(&now); err != nil {
			return err
		}
		for more := now != version; more; {
			if more, err = f.readPage(ctx, conn, yield); err != nil || ctx.Err() != nil {
				return ignoreStopped(err)
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

// errStopped says that the follower wants no more.
var errStopped = errors.New("stopped")

func ignoreStopped(err error) error {
	if errors.Is(err, errStopped) {
		return nil
	}
	return err
}

// followPage is the number of callbacks looked at in one read.
const followPage = 256

// readPage yields new callbacks. Bodies are read one by one, to bound memory and to leave
// those unread that are not wanted.
func (f *follower) readPage(ctx context.Context, conn *sql.Conn, yield func(store.Entry) bool) (more bool, err error) {
	var newest int64
	if err := conn.QueryRowContext(ctx, newestQuery).Scan(&newest); err != nil || newest <= f.after {
		return false, err
	}
	all, w := f.wanted == nil, store.Wanted{}
	if !all {
		w = f.wanted() // after newest was read: who wants more later looks for it in the ledger
	}
	rows, err := conn.QueryContext(ctx, `SELECT seq FROM deliveries WHERE seq > ? AND seq <= ? AND (? OR ticket_path IN (SELECT value FROM json_each(?))
		OR request_id IN (SELECT value FROM json_each(?))) ORDER BY seq LIMIT ?`, f.after, newest, all, jsonArray(w.Paths), jsonArray(w.RequestIDs), followPage)
	list, err := scanAll(rows, err, plain[int64])
	if err != nil {
		return false, err
	}
	for _, seq := range list {
		if all || !f.ledger.own.Has(seq) {
			e, err := scanEntry(conn.QueryRowContext(ctx, "SELECT seq, received_at, ticket_path, body FROM deliveries WHERE seq = ?", seq))
			switch {
			case errors.Is(err, sql.ErrNoRows): // pruned in the meantime
			case err != nil:
				return false, err
			case !yield(e):
				return false, errStopped
			}
		}
		f.after = seq
	}
	if more = len(list) == followPage; !more {
		f.after = newest
	}
	f.ledger.own.Forget(f.after)
	return more, nil
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
