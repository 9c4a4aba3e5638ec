// Package postgres is a ledger of tasks and callbacks that many machines share: a schema of
// a PostgreSQL database, version 15 or later.
//
// Each write is a transaction of one round trip, and several callers' writes are one
// transaction. A lost connection leaves no doubt: the Store asks what was committed before
// it does anything again. Callbacks are numbered in the order of their commits, so that
// whoever follows them misses none. LISTEN and NOTIFY only wake followers up; where they are
// not possible, followers look several times a second.
//
// The package is private to narada.
package postgres

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

// The limits on waiting for the server.
const (
	connectLimit = 3 * time.Second  // to connect to one of its addresses
	openLimit    = 30 * time.Second // others may be opened by the hundred
	writeLimit   = 5 * time.Second  // for a write, with its repetitions
	readLimit    = 5 * time.Second  // for the repetitions of a read
	attemptLimit = 15 * time.Second // for each of them
	retryPause   = 100 * time.Millisecond

	disconnectLimit = time.Second // from a server that does not answer
)

// sendRate, in bytes a second, is that of the slowest connection for which a write has the
// time: some callbacks are large.
const sendRate = 4 << 20

// DefaultSchema is the schema of a ledger if Options name none.
const DefaultSchema = "narada"

// Options configure a Store.
type Options struct {
	URL         string // a postgres: URL or key=value pairs, as libpq has them
	Schema      string // "": DefaultSchema
	Application string // application_name of its connections
	Connections int    // at most, besides one that listens; 0: 3

	// AllowUnsafe accepts a server that may lose what it has committed.
	AllowUnsafe bool

	// Stored is called with each new callback that this Store has stored, in order, after
	// it is durable and before it is acknowledged. It is called by one goroutine at a time;
	// while it blocks, nothing is stored.
	Stored func(store.Entry)

	// Mask masks secrets in what is stored of the headers and the refusals of callbacks, and of
	// failures; nil: nothing but what MaskHeader and MaskRefusedHeader of package secret mask.
	Mask func(string) string

	// Warn is called with what the user should know once, such as that the server was lost.
	Warn func(text string)

	tick     <-chan time.Time // when to store refusals; nil: every maintainInterval
	look     time.Duration    // how often followers look; 0: pollInterval or listenInterval
	sendRate int              // 0: sendRate
}

// Store is an open ledger. It is safe for concurrent use. Its errors are *Errors.
type Store struct {
	store.Writes

	o      Options
	schema string // quoted, with a dot
	where  string // the server and the database, without password
	pool   *pgxpool.Pool
	server server

	examined bool     // a server that cannot have a ledger is not refused
	texts    sync.Map // query → query with the schema

	writer    *engine.Groups[*write]
	committer committer
	own       engine.Own
	retention engine.Retention
	tickets   engine.Tickets
	refused   engine.Refusals
	wake      *wake

	background sync.WaitGroup
	quit       chan struct{}
}

// maintainInterval is how often refused callbacks are stored.
const maintainInterval = 250 * time.Millisecond

// settleInterval is how often the server is asked about a transaction in doubt, if nothing
// is written.
const settleInterval = time.Second

// Open opens the ledger, creates its schema and tables if they are missing, and migrates
// those of an earlier version. The error is an *Error.
func Open(ctx context.Context, o Options) (*Store, error) {
	l, err := newStore(o)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	if err := l.open(limited); err != nil {
		l.pool.Close()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, l.newError(err)
	}
	l.wake = newWake(l)
	l.committer = committer{ledger: l, id: uuid.New()}
	l.writer = engine.NewGroups((*write).hasCallback, l.committer.commit)
	l.background.Go(l.maintain)
	return l, nil
}

func newStore(o Options) (*Store, error) {
	if o.Schema == "" {
		o.Schema = DefaultSchema
	}
	if o.Stored == nil {
		o.Stored = func(store.Entry) {}
	}
	if o.Mask == nil {
		o.Mask = func(text string) string { return text }
	}
	if o.Warn == nil {
		o.Warn = func(string) {}
	}
	l := &Store{o: o, schema: quoted(o.Schema) + ".", quit: make(chan struct{})}
	l.Writes = store.WritesOf(l)
	config, err := l.config()
	if err != nil {
		return nil, err
	}
	l.pool, err = pgxpool.NewWithConfig(context.Background(), config) // does not connect
	return l, l.newError(err)
}

// Close waits for pending writes and closes the ledger.
func (l *Store) Close() error {
	l.retention.Close()
	close(l.quit)
	l.background.Wait()
	_ = l.writeRefusals(context.Background())
	l.writer.Close()
	l.wake.close()
	l.committer.forget()
	l.pool.Close()
	return nil
}

// maintain stores refused callbacks, and settles what is in doubt.
func (l *Store) maintain() {
	tick := l.o.tick
	if tick == nil {
		tick = time.Tick(maintainInterval)
	}
	for settled := time.Now(); ; {
		select {
		case <-l.quit:
			return
		case <-tick:
			_ = l.writeRefusals(context.Background()) // not worth an error
		}
		if l.committer.pending.Load() && time.Since(settled) > settleInterval {
			_ = l.writer.Put(context.Background(), &write{}) // which settles first
			settled = time.Now()
		}
	}
}

// sql returns the query with the schema in place of each @.
func (l *Store) sql(query string) string {
	if text, ok := l.texts.Load(query); ok {
		return text.(string)
	}
	text := strings.ReplaceAll(query, "@", l.schema)
	l.texts.Store(query, text)
	return text
}

// quoted returns the name as SQL has it.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
