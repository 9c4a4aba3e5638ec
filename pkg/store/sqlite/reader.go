package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"os"

	"github.com/narada-cli/narada/pkg/store"
)

// Reader reads a ledger and changes nothing: no file is created, locked for others or migrated.
// It does not find callbacks that are not indexed yet. Its errors are *Errors.
type Reader struct{ l *Store }

// OpenReader opens the ledger in the folder dir, which must have the newest version. The error
// is an *Error.
func OpenReader(ctx context.Context, dir string) (*Reader, error) {
	r := &Reader{&Store{path: Path(dir)}}
	if err := r.open(ctx, dir); err != nil {
		return nil, errors.Join(newError(r.l.path, err), r.l.closeDatabase())
	}
	return r, nil
}

func (r *Reader) open(ctx context.Context, dir string) (err error) {
	if name := networkFileSystem(dir); name != "" {
		return networkError(name)
	}
	source := dsn(r.l.path, "query_only(1)") + "&mode=ro"
	_, noLog := os.Stat(r.l.path + "-wal")
	_, noIndex := os.Stat(r.l.path + "-shm")
	if noLog != nil || noIndex != nil { // SQLite would create them
		source += "&immutable=1"
	}
	if r.l.read, err = sql.Open("sqlite", source); err != nil {
		return err
	}
	version, err := schemaVersion(ctx, r.l.read)
	if err == nil && version != len(migrations) {
		err = errNewer
	}
	return err
}

// Tasks calls yield for the tasks that match, as Store.Tasks does.
func (r *Reader) Tasks(ctx context.Context, q store.Query, yield func(store.Task) error) error {
	return r.l.tasks(ctx, q, yield)
}

// BatchList returns the batches, the newest first.
func (r *Reader) BatchList(ctx context.Context) ([]store.Batch, error) { return r.l.BatchList(ctx) }

// Sessions returns the cloud browser sessions, as Store.Sessions does.
func (r *Reader) Sessions(ctx context.Context, open bool, limit int) ([]store.Session, error) {
	return r.l.Sessions(ctx, open, limit)
}

// Close closes the ledger.
func (r *Reader) Close() error { return newError(r.l.path, r.l.closeDatabase()) }
