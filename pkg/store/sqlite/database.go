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
	"time"

	"github.com/gofrs/flock"
	"modernc.org/sqlite"

	"github.com/narada-cli/narada/pkg/private"
)

// The files of a ledger in its folder. SQLite adds files with the prefix fileName.
const (
	fileName = "ledger.db"
	lockName = "ledger.lock"
)

// The limits on waiting for other processes.
const (
	openLimit = 15 * time.Second // to open or migrate
	busyLimit = 10 * time.Second // to write
)

func (l *Store) open(ctx context.Context, dir string) error {
	if err := private.MkdirAll(dir); err != nil {
		return err
	}
	if name := networkFileSystem(dir); name != "" {
		return networkError(name)
	}
	unlock, err := lock(ctx, filepath.Join(dir, lockName))
	if err != nil {
		return err
	}
	defer unlock()
	if err := create(l.path); err != nil {
		return err
	}
	// On Linux a commit need not wait for the file's timestamp.
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
	if err := (transaction{l}).run("PRAGMA busy_timeout = 0"); err != nil { // begin retries
		return err
	}
	if l.maintenance, err = sql.Open("sqlite", dsn(l.path, "synchronous(FULL)", "wal_autocheckpoint(0)")); err != nil {
		return err
	}
	l.maintenance.SetMaxOpenConns(1) // data_version reports changes by other connections
	if l.read, err = sql.Open("sqlite", dsn(l.path, "query_only(1)")); err != nil {
		return err
	}
	l.file, err = os.Stat(l.path)
	return err
}

// lock waits for exclusive access: a migration and the switch to a write-ahead log need it.
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

// create creates an empty file with mode 0600. It does not open an existing one: closing
// it would drop SQLite's locks on it in this process.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(private.Restrict(path), f.Close())
}

// dsn returns the data source name. Every transaction begins as a write transaction: an
// upgraded one does not wait for the lock.
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

func (l *Store) closeDatabase() error {
	var errs []error
	for _, statement := range l.statements {
		errs = append(errs, statement.Close())
	}
	if l.conn != nil {
		errs = append(errs, l.conn.Close())
	}
	for _, db := range []*sql.DB{l.read, l.maintenance, l.write} { // the last one to close removes the log
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}
