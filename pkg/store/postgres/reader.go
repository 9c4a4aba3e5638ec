package postgres

import (
	"context"

	"github.com/narada-cli/narada/pkg/store"
)

// Reader reads a ledger and changes nothing: it creates and migrates no schema. Its errors are
// *Errors.
type Reader struct{ l *Store }

// NewReader returns a reader of the ledger, which connects when it is used. The error is an
// *Error.
func NewReader(o Options) (*Reader, error) {
	l, err := newStore(o)
	if err != nil {
		return nil, err
	}
	return &Reader{l}, nil
}

// Tasks calls yield for the tasks that match, as Store.Tasks does.
func (r *Reader) Tasks(ctx context.Context, q store.Query, yield func(store.Task) error) error {
	return r.l.Tasks(ctx, q, yield)
}

// BatchList returns the batches, the newest first.
func (r *Reader) BatchList(ctx context.Context) ([]store.Batch, error) { return r.l.BatchList(ctx) }

// Sessions returns the cloud browser sessions, as Store.Sessions does.
func (r *Reader) Sessions(ctx context.Context, open bool, limit int) ([]store.Session, error) {
	return r.l.Sessions(ctx, open, limit)
}

// RunningListeners returns the listeners that take callbacks, sorted by name.
func (r *Reader) RunningListeners(ctx context.Context) ([]store.Listener, error) {
	return r.l.RunningListeners(ctx)
}

// Close closes the connection.
func (r *Reader) Close() error {
	r.l.pool.Close()
	return nil
}
