// Package sqlite is the ledger of tasks and callbacks on this machine: an SQLite database
// that many narada processes use at the same time.
//
// A task and its ticket are stored before it is sent (Intend), a callback before it is
// acknowledged (Deliver). Other processes see both shortly after (Follow). Of tickets only
// digests are stored, which suffice to verify callbacks. The secrets in callbacks are
// blanked when the task has finished; a callback that waits to be forwarded (Forward) is
// kept as received until its forwarding has ended.
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
	"sync"
	"sync/atomic"
	"time"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

// Options configure a Store.
type Options struct {
	// Stored is called with each new callback that this Store has stored, in order, after
	// it is durable and before it is acknowledged. It is called by one goroutine at a time;
	// while it blocks, nothing is stored.
	Stored func(store.Entry)

	// Mask masks secrets in what is stored of the headers and the refusals of callbacks, and of
	// failures; nil: nothing but what MaskHeader and MaskRefusedHeader of package secret mask.
	Mask func(string) string

	tick <-chan time.Time // when to maintain the database; nil: every maintainInterval
}

// Store is an open ledger. It is safe for concurrent use. Its errors are *Errors.
type Store struct {
	store.Writes

	path   string
	mask   func(string) string
	file   os.FileInfo // of the open database
	write  *sql.DB     // one connection
	read   *sql.DB
	writer *writer

	// The writer's connection and prepared statements.
	conn       *sql.Conn
	statements map[string]*sql.Stmt

	// For maintain, which runs beside the writer.
	maintenance *sql.DB
	maintaining sync.WaitGroup
	quit        chan struct{}

	unindexed unindexed // the writer's
	own       engine.Own
	retention engine.Retention

	// For maintain: callbacks have arrived since its last look, some are not indexed.
	busy, toIndex atomic.Bool

	tickets engine.Tickets
	refused engine.Refusals // not stored yet
}

// Path returns the path of the database of the ledger in the folder dir.
func Path(dir string) string { return filepath.Join(dir, fileName) }

// Exists reports whether there is a ledger in the folder dir. The error is an *Error.
func Exists(dir string) (bool, error) {
	_, err := os.Stat(Path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, newError(Path(dir), err)
}

// Open opens the ledger in the folder dir, creating both if missing, the folder with mode
// 0700, and migrates the ledger of an earlier version. The error is an *Error.
func Open(ctx context.Context, dir string, o Options) (*Store, error) {
	path := Path(dir)
	l := &Store{path: path, mask: o.Mask, statements: map[string]*sql.Stmt{}, quit: make(chan struct{})}
	l.Writes = store.WritesOf(l)
	if l.mask == nil {
		l.mask = func(text string) string { return text }
	}
	if err := l.open(ctx, dir); err != nil {
		return nil, errors.Join(newError(path, err), l.closeDatabase())
	}
	l.writer = newWriter(l, o.Stored)
	if err := l.catchUp(ctx); err != nil {
		l.writer.Close()
		return nil, errors.Join(newError(path, err), l.closeDatabase())
	}
	l.maintaining.Go(func() {
		tick := o.tick
		if tick == nil {
			tick = time.Tick(maintainInterval)
		}
		l.maintain(tick)
	})
	return l, nil
}

// Close waits for pending writes and closes the ledger.
func (l *Store) Close() error {
	l.retention.Close()
	close(l.quit)
	l.maintaining.Wait()
	_ = l.writeRefusals(context.Background())
	l.writer.Close()
	return newError(l.path, l.closeDatabase())
}

// Size returns the size of the ledger on disk in bytes.
func (l *Store) Size() int64 {
	return fileSize(l.path) + l.logSize() + fileSize(l.path+"-shm")
}
