// Package sqlite keeps on this machine what was dispatched and what came back,
// in an SQLite database that many narada processes use at the same time.
//
// A task is written down, with the ticket that its callback must show, before it
// is sent (Intend); a callback before it is acknowledged (Deliver). What another
// process has stored is seen within a moment (Follow). Of the tickets it has the
// digests alone, by which callbacks can be checked; the secrets in the bodies of
// callbacks are blanked when their task has finished, but for a callback that waits to
// be forwarded (Forward), which is kept as it came until that has ended.
//
// The package is private to narada.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Options are what a Store may be told.
type Options struct {
	// Stored is told of each delivery that was stored by this Store and is no
	// repeat, in their order, once it is durable and before it is acknowledged.
	// It is called by one goroutine at a time; while it blocks nothing is stored.
	Stored func(store.Entry)

	tick <-chan time.Time // when to maintain the database; nil: four times a second
}

// Store is an open ledger. It is safe for use by several goroutines at once. Its errors
// are *Errors.
type Store struct {
	store.Writes

	path   string
	write  *sql.DB // one connection
	read   *sql.DB
	writer *writer

	// The writer's connection, and its statements by their text.
	conn       *sql.Conn
	statements map[string]*sql.Stmt

	// What moves the log into the database beside the writer.
	maintenance *sql.DB
	maintaining sync.WaitGroup
	quit        chan struct{}

	unindexed unindexed // the writer's
	own       ownStored

	// For maintain: whether callbacks have come since it looked, and whether some are to
	// be indexed.
	busy, toIndex atomic.Bool

	mu      sync.Mutex
	tickets map[string]webhook.Ticket // of tasks, by path; a cache
	shared  map[string]bool           // paths
	refused []store.Refusal           // to be written down
}

// Path is where the database of the ledger in the folder dir is.
func Path(dir string) string { return filepath.Join(dir, fileName) }

// Exists reports whether there is a ledger in the folder dir. The error, an *Error,
// is that it cannot be told.
func Exists(dir string) (bool, error) {
	_, err := os.Stat(Path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, newError(Path(dir), err)
}

// Open opens the ledger in the folder dir, which it makes with mode 0700 where
// there is none. It brings a ledger that an earlier version has made up to date.
// The error is an *Error.
func Open(ctx context.Context, dir string, o Options) (*Store, error) {
	path := Path(dir)
	l := &Store{path: path, statements: map[string]*sql.Stmt{}, tickets: map[string]webhook.Ticket{}, shared: map[string]bool{}, quit: make(chan struct{})}
	l.Writes = store.WritesOf(l)
	if err := l.open(ctx, dir); err != nil {
		return nil, errors.Join(newError(path, err), l.closeDatabase())
	}
	l.writer = newWriter(l, o.Stored)
	if err := l.catchUp(ctx); err != nil {
		l.writer.close()
		return nil, errors.Join(newError(path, err), l.closeDatabase())
	}
	l.maintaining.Go(func() {
		tick := o.tick
		if tick == nil {
			ticker := time.NewTicker(maintainInterval)
			defer ticker.Stop()
			tick = ticker.C
		}
		l.maintain(tick)
	})
	return l, nil
}

// Close waits for what is being stored and closes the ledger.
func (l *Store) Close() error {
	close(l.quit)
	l.maintaining.Wait()
	_ = l.writeRefusals(context.Background())
	l.writer.close()
	return newError(l.path, l.closeDatabase())
}

// Size returns the bytes that the ledger takes on the disk.
func (l *Store) Size() int64 {
	var size int64
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if info, err := os.Stat(l.path + suffix); err == nil {
			size += info.Size()
		}
	}
	return size
}

// Check looks whether the database is whole, and returns what is wrong with it, ""
// when nothing is. It reads all of it, which ctx bounds.
func (l *Store) Check(ctx context.Context) (damage string, err error) {
	damage, _, err = readOne(ctx, l, plain[string], "PRAGMA quick_check(1)")
	return strings.TrimPrefix(damage, "ok"), err
}
