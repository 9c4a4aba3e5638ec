package postgres

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

// How often a follower looks for new callbacks.
const (
	pollInterval   = 200 * time.Millisecond
	listenInterval = 2 * time.Second // if it is woken up
)

// notifyPause is the least time between two notifications.
const notifyPause = 5 * time.Millisecond

// Last returns the number of the newest callback, 0 if there is none.
func (l *Store) Last(ctx context.Context) (seq int64, err error) {
	seq, _, err = readOne(ctx, l, plain[int64], "SELECT seq FROM @newest")
	return seq, err
}

// Follow yields the callbacks after that number, of all machines and in commit order,
// shortly after each is durable, until ctx ends. While the server is not there, it waits.
// Another error is the last item.
func (l *Store) Follow(ctx context.Context, after int64) iter.Seq2[store.Entry, error] {
	return engine.Entries(ctx, func(yield func(store.Entry) bool) error { return l.follow(ctx, after, nil, yield) })
}

// FollowOthers is Follow without the callbacks that this Store stores after the start, and of
// the others it reads those that are wanted. wanted is called when there are new ones; what
// is added to it later need not be among them. Only one FollowOthers may run at a time.
func (l *Store) FollowOthers(ctx context.Context, after int64, wanted func() store.Wanted) iter.Seq2[store.Entry, error] {
	return engine.Entries(ctx, func(yield func(store.Entry) bool) error {
		l.own.Collect(true)
		defer l.own.Collect(false)
		return l.follow(ctx, after, wanted, yield)
	})
}

func (l *Store) follow(ctx context.Context, after int64, wanted func() store.Wanted, yield func(store.Entry) bool) error {
	woken, stop := l.wake.follow()
	defer stop()
	f := &engine.Follower{After: after, Wanted: wanted, Own: &l.own, Newest: l.Last}
	f.Seqs = func(ctx context.Context, newest int64, all bool, w store.Wanted) ([]int64, bool, error) {
		list, err := readAll(ctx, l, plain[int64], `SELECT seq FROM @deliveries WHERE seq > $1 AND seq <= $2
			AND ($3 OR ticket_path = ANY ($4) OR request_id = ANY ($5)) ORDER BY seq LIMIT $6`, f.After, newest, all, w.Paths, w.RequestIDs, engine.FollowPage)
		l.committer.wait()
		return list, all || !l.committer.pending.Load(), err
	}
	f.Entry = func(ctx context.Context, seq int64) (store.Entry, bool, error) {
		return readOne(ctx, l, scanEntry, "SELECT seq, received_at, ticket_path, body FROM @deliveries WHERE seq = $1", seq)
	}
	for ctx.Err() == nil {
		more, err := f.Read(ctx, yield)
		failure, ok := errors.AsType[*Error](err)
		switch {
		case err != nil && !(ok && failure.Temporary()): // the others pass
			return err
		case more:
			continue
		}
		timer := time.NewTimer(l.wake.interval())
		select {
		case <-woken:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return nil
}

func scanEntry(row scanner) (e store.Entry, err error) {
	var body []byte
	if err := row.Scan(&e.Seq, timeColumn{&e.ReceivedAt}, &e.Path, &body); err != nil {
		return e, err
	}
	e.Result, _, err = narada.ParseCallback(body)
	return e, err
}

// wake wakes followers up: those of this Store, and those of others by NOTIFY. It listens for
// others' from the first follower on, with a connection of its own, while the server has room
// for one.
type wake struct {
	ledger *Store
	notify chan struct{} // buffered: others are to be notified

	mu        sync.Mutex
	followers map[chan struct{}]bool
	listening bool // a connection listens
	started   bool

	running context.Context // until close
	stop    context.CancelFunc
	ended   sync.WaitGroup
}

func newWake(l *Store) *wake {
	w := &wake{ledger: l, notify: make(chan struct{}, 1), followers: map[chan struct{}]bool{}}
	w.running, w.stop = context.WithCancel(context.Background())
	w.ended.Go(w.notifyOthers)
	return w
}

func (w *wake) close() {
	w.stop()
	w.ended.Wait()
}

// follow returns a channel that has a value when there may be something new.
func (w *wake) follow() (woken <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.followers[c] = true
	if !w.started && !w.ledger.server.pooler && w.running.Err() == nil {
		w.started = true
		w.ended.Go(w.listen)
	}
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.followers, c)
	}
}

// interval returns how long a follower waits if it is not woken up.
func (w *wake) interval() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.ledger.o.look != 0:
		return w.ledger.o.look
	case w.listening:
		return listenInterval
	}
	return pollInterval
}

// stored says that this Store has stored callbacks.
func (w *wake) stored() {
	w.all()
	select {
	case w.notify <- struct{}{}:
	default:
	}
}

// all wakes up the followers of this Store.
func (w *wake) all() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.followers {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// channel is the name of the notifications of the schema.
func (w *wake) channel() string { return "narada " + w.ledger.o.Schema }

// notifyOthers notifies in transactions of its own that wait for no disk and no standby:
// transactions that notify are committed one after the other.
func (w *wake) notifyOthers() {
	for {
		select {
		case <-w.running.Done():
			return
		case <-w.notify:
		}
		batch := &pgx.Batch{}
		batch.Queue("SELECT set_config('synchronous_commit', 'off', true)")
		batch.Queue("SELECT pg_notify($1, '')", w.channel())
		limited, cancel := context.WithTimeout(w.running, writeLimit)
		_ = w.ledger.pool.SendBatch(limited, batch).Close() // others look by themselves later
		cancel()
		select {
		case <-time.After(notifyPause):
		case <-w.running.Done():
		}
	}
}

// listen waits for notifications until close. A lost connection is opened again.
func (w *wake) listen() {
	for w.running.Err() == nil {
		_ = w.listenOnce() // followers look by themselves meanwhile
		w.setListening(false)
		timer := time.NewTimer(listenInterval)
		select {
		case <-timer.C:
		case <-w.running.Done():
		}
		timer.Stop()
	}
}

func (w *wake) listenOnce() error {
	used, _, err := readOne(w.running, w.ledger, plain[float64], usedQuery)
	if err != nil || used >= usedToListen {
		return err
	}
	conn, err := pgx.ConnectConfig(w.running, w.ledger.pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(w.running, "LISTEN "+quoted(w.channel()), pgx.QueryExecModeSimpleProtocol); err != nil {
		return err
	}
	w.setListening(true)
	for used < usedToPoll {
		if err := w.wait(conn); err != nil {
			return err
		}
		if err := conn.QueryRow(w.running, usedQuery).Scan(&used); err != nil {
			return err
		}
	}
	return nil
}

// wait wakes the followers up, since something was stored before it listened, and then with
// each notification, for listenInterval.
func (w *wake) wait(conn *pgx.Conn) error {
	limited, cancel := context.WithTimeout(w.running, listenInterval)
	defer cancel()
	for {
		w.all()
		_, err := conn.WaitForNotification(limited)
		switch {
		case limited.Err() != nil && pgconn.Timeout(err):
			return w.running.Err()
		case err != nil:
			return err
		}
	}
}

func (w *wake) setListening(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.listening = on
}

// usedQuery returns the share of the server's connections that are in use. A role without
// special rights does not see the kind of another role's connection.
const usedQuery = `SELECT count(*)::double precision / current_setting('max_connections')::integer FROM pg_stat_activity WHERE datid IS NOT NULL AND usesysid IS NOT NULL`

// A Store begins to listen below the first share, and stops from the second one on: others
// need the connection more.
const (
	usedToListen = 0.5
	usedToPoll   = 0.75
)
