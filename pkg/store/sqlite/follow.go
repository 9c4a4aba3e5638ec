package sqlite

import (
	"context"
	"database/sql"
	"iter"
	"sync"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// followInterval is how often a follower looks whether anybody has written.
const followInterval = 50 * time.Millisecond

// Last returns the number of the newest callback, 0 when there is none.
func (l *Store) Last(ctx context.Context) (seq int64, err error) {
	err = l.read.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM deliveries").Scan(&seq)
	return seq, newError(l.path, err)
}

// Follow yields the callbacks after the one with that number, those that this
// process stores and those of others, each within a moment of its being durable,
// until ctx ends. An error, which is an *Error, is the last.
func (l *Store) Follow(ctx context.Context, after int64) iter.Seq2[store.Entry, error] {
	return l.followed(ctx, after, entriesAfter)
}

// FollowOthers is Follow without the callbacks that this Store stores from now on,
// but perhaps for some in the first moment. One at a time may follow so.
func (l *Store) FollowOthers(ctx context.Context, after int64) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		l.own.collect(true)
		defer l.own.collect(false)
		l.followed(ctx, after, l.othersAfter)(yield)
	}
}

// reader reads some callbacks after a number, and the number that it has come to:
// that one, when there are none.
type reader func(ctx context.Context, conn *sql.Conn, after int64) (entries []store.Entry, to int64, err error)

func (l *Store) followed(ctx context.Context, after int64, read reader) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		err := l.follow(ctx, after, read, func(e store.Entry) bool { return yield(e, nil) })
		if err != nil && ctx.Err() == nil {
			yield(store.Entry{}, newError(l.path, err))
		}
	}
}

// follow asks for the version of the data, which changes when another connection
// has committed, and reads only then.
func (l *Store) follow(ctx context.Context, after int64, read reader, yield func(store.Entry) bool) error {
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
			for more := true; more; {
				entries, to, err := read(ctx, conn, after)
				if err != nil {
					return err
				}
				for _, e := range entries {
					if !yield(e) {
						return nil
					}
				}
				after, more = to, to > after
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

const entryColumns = "SELECT seq, received, path, body FROM deliveries "

// entriesAfter reads the next callbacks, some only, so that memory is bounded.
func entriesAfter(ctx context.Context, conn *sql.Conn, after int64) (entries []store.Entry, to int64, err error) {
	entries, err = readEntries(ctx, conn, entryColumns+"WHERE seq > ? ORDER BY seq LIMIT 16", after)
	if len(entries) > 0 {
		after = entries[len(entries)-1].Seq
	}
	return entries, after, err
}

// othersAfter is entriesAfter for the callbacks of others: the bodies of our own
// are not read.
func (l *Store) othersAfter(ctx context.Context, conn *sql.Conn, after int64) (entries []store.Entry, to int64, err error) {
	rows, err := conn.QueryContext(ctx, "SELECT seq FROM deliveries WHERE seq > ? ORDER BY seq LIMIT 256", after)
	if err != nil {
		return nil, after, err
	}
	var others []int64
	err = eachRow(rows, func() error {
		if len(others) == 16 {
			return nil // for the next time
		}
		err := rows.Scan(&after)
		if !l.own.take(after) {
			others = append(others, after)
		}
		return err
	})
	for _, seq := range others {
		if err != nil {
			break
		}
		var one []store.Entry
		one, err = readEntries(ctx, conn, entryColumns+"WHERE seq = ?", seq)
		entries = append(entries, one...)
	}
	return entries, after, err
}

func readEntries(ctx context.Context, conn *sql.Conn, query string, arg int64) (entries []store.Entry, err error) {
	rows, err := conn.QueryContext(ctx, query, arg)
	if err != nil {
		return nil, err
	}
	err = eachRow(rows, func() (err error) {
		var e store.Entry
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

// ownStored are the numbers of the callbacks that this Store has stored, for
// somebody who follows those of others.
type ownStored struct {
	mu         sync.Mutex
	collecting bool
	list       []int64 // growing
}

func (o *ownStored) collect(on bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.collecting, o.list = on, nil
}

func (o *ownStored) add(stored []*arrival) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.collecting {
		return
	}
	for _, a := range stored {
		o.list = append(o.list, a.seq)
	}
}

// take reports whether the callback is one of them. It is asked for growing numbers.
func (o *ownStored) take(seq int64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.list) > 0 && o.list[0] < seq {
		o.list = o.list[1:]
	}
	return len(o.list) > 0 && o.list[0] == seq
}
