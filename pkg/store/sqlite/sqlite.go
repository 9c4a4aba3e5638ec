// Package sqlite keeps on this machine what was dispatched and what came back,
// in an SQLite database that many narada processes use at the same time.
//
// A task is written down, with the ticket that its callback must show, before it
// is sent (Intend); a callback before it is acknowledged (Deliver). What another
// process has stored is seen within a moment (Follow). Of the tickets it has the
// sums alone, by which callbacks can be checked; the secrets in the bodies of
// callbacks are blanked when their task has finished, but for a callback that waits to
// be passed on (Forward), which is kept as it came until it was taken or given up.
//
// The package is private to narada.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"modernc.org/sqlite"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/webhook"
)

// The files of a ledger in its folder. SQLite adds some with fileName in front.
const (
	fileName = "ledger.db"
	lockName = "ledger.lock"
)

// The time limits of waiting for other processes.
const (
	openLimit = 15 * time.Second // to be the one that opens or migrates
	busyLimit = 10 * time.Second // to be the one that writes
)

// Options are what a Store may be told.
type Options struct {
	// Stored is told of each delivery that was stored by this Store and is no
	// repeat, in their order, once it is durable and before it is acknowledged.
	// It is called by one goroutine at a time; while it blocks nothing is stored.
	Stored func(store.Entry)
}

// Store is an open ledger. It is safe for use by several goroutines at once.
type Store struct {
	path   string
	write  *sql.DB // one connection
	read   *sql.DB
	writer *writer

	// The writer's connection, and its statements by their text.
	conn       *sql.Conn
	statements map[string]*sql.Stmt

	// What moves the log into the database beside the writer.
	keep   *sql.DB
	keeper sync.WaitGroup
	quit   chan struct{}

	unfiled unfiled // the writer's
	own     ownStored

	// For the keeper: whether callbacks have come since it looked, and whether some
	// are to be filed.
	busy, waiting atomic.Bool

	mu      sync.Mutex
	tickets map[string]webhook.Ticket // of tasks, by path; a cache
	shared  map[string]bool           // paths
	refused []refused                 // to be written down
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
	if err := l.open(ctx, dir); err != nil {
		return nil, errors.Join(newError(path, err), l.closeDatabase())
	}
	l.writer = newWriter(l, o.Stored)
	if err := l.catchUp(ctx); err != nil {
		l.writer.close()
		return nil, errors.Join(newError(path, err), l.closeDatabase())
	}
	l.keeper.Go(l.keepHouse)
	return l, nil
}

func (l *Store) open(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if name := networkFileSystem(dir); name != "" {
		return &networkError{name}
	}
	unlock, err := lock(ctx, filepath.Join(dir, lockName))
	if err != nil {
		return err
	}
	defer unlock()
	if err := create(l.path); err != nil {
		return err
	}
	// On Linux a commit waits for its data, and not for the file's timestamp too.
	_, _ = sqlite.Fdatasync(true)
	l.write, err = sql.Open("sqlite", dsn(l.path, "auto_vacuum(INCREMENTAL)", "journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(0)", "secure_delete(1)"))
	if err != nil {
		return err
	}
	l.write.SetMaxOpenConns(1)
	if err := migrate(ctx, l.write); err != nil {
		return err
	}
	if l.conn, err = l.write.Conn(ctx); err != nil {
		return err
	}
	if err := (transaction{l}).pragma("busy_timeout = 0"); err != nil { // begin waits
		return err
	}
	if l.keep, err = sql.Open("sqlite", dsn(l.path, "synchronous(FULL)", "wal_autocheckpoint(0)")); err != nil {
		return err
	}
	l.keep.SetMaxOpenConns(1) // which notices what others have written
	l.read, err = sql.Open("sqlite", dsn(l.path, "query_only(1)"))
	return err
}

// lock waits for its turn to open the ledger: the change to a write-ahead log and
// a migration want to be alone.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	limited, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	l := flock.New(path, flock.SetPermissions(0o600))
	if _, err := l.TryLockContext(limited, 10*time.Millisecond); err != nil {
		switch {
		case ctx.Err() != nil:
			err = context.Cause(ctx)
		case limited.Err() != nil:
			err = errBusy
		}
		return nil, err
	}
	return func() { _ = l.Close() }, nil
}

// create makes an empty file that nobody else can read. One that is there is
// not opened: closing it would drop the locks that SQLite has on it in this
// process.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// dsn is how the driver is told to open the database. Every transaction begins
// as a writing one: one that becomes so later does not wait for its turn.
func dsn(path string, pragmas ...string) string {
	query := url.Values{"_txlock": {"immediate"}, "_pragma": {fmt.Sprintf("busy_timeout(%d)", busyLimit.Milliseconds())}}
	for _, p := range pragmas {
		query.Add("_pragma", p)
	}
	path = filepath.ToSlash(path)
	if filepath.VolumeName(path) != "" {
		path = "/" + path
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + query.Encode()
}

// Close waits for what is being stored and closes the ledger.
func (l *Store) Close() error {
	close(l.quit)
	l.keeper.Wait()
	_ = l.writeRefusals(context.Background())
	l.writer.close()
	return newError(l.path, l.closeDatabase())
}

func (l *Store) closeDatabase() error {
	var errs []error
	for _, statement := range l.statements {
		errs = append(errs, statement.Close())
	}
	if l.conn != nil {
		errs = append(errs, l.conn.Close())
	}
	for _, db := range []*sql.DB{l.read, l.keep, l.write} { // the last one that closes clears the log away
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
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
