package ledger

import (
	"context"
	"time"
)

// Limits say what Prune keeps.
type Limits struct {
	Before time.Time // tasks dispatched before go; zero: none do for their age
	Keep   int       // so many of the newest stay; 0: all
	Open   bool      // tasks that have not finished go too
}

// pruneStep is how many tasks go in one transaction: others want to write.
const pruneStep = 500

// Prune takes old tasks out, with their callbacks, gives the room on the disk
// back, and returns how many there were. Tasks that have not finished stay, unless
// the limits say otherwise.
func (l *Ledger) Prune(ctx context.Context, limits Limits) (count int64, err error) {
	if err := l.file(ctx); err != nil {
		return 0, err
	}
	for {
		n, err := l.pruneSome(ctx, limits)
		if count += n; err != nil {
			return count, err
		}
		if n < pruneStep {
			break
		}
	}
	if count == 0 {
		return 0, nil
	}
	// The room is given back page by page; each row of the answer is one.
	err = l.writer.put(ctx, &write{do: func(tx transaction) error { return tx.pragma("incremental_vacuum") }})
	if err != nil {
		return count, err
	}
	_, err = l.keep.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return count, newError(l.path, err)
}

func (l *Ledger) pruneSome(ctx context.Context, limits Limits) (count int64, err error) {
	err = l.writer.put(ctx, &write{do: func(tx transaction) error {
		const which = `SELECT number FROM tasks WHERE (finished IS NOT NULL OR ?3)
			AND (intended < ?1 OR ?2 > 0 AND number <= (SELECT number FROM tasks ORDER BY number DESC LIMIT 1 OFFSET ?2)) ORDER BY number LIMIT ?4`
		args := []any{milliseconds(limits.Before), limits.Keep, limits.Open, pruneStep}
		if limits.Before.IsZero() {
			args[0] = int64(-1 << 62)
		}
		for _, statement := range []string{
			"DELETE FROM deliveries WHERE seq IN (SELECT i.seq FROM delivered i JOIN tasks t ON t.request_id = i.request_id WHERE t.number IN (" + which + "))",
			"DELETE FROM delivered WHERE request_id IN (SELECT request_id FROM tasks WHERE number IN (" + which + "))",
			"DELETE FROM refusals WHERE path IN (SELECT path FROM tasks WHERE number IN (" + which + "))",
		} {
			if _, err := tx.exec(statement, args...); err != nil {
				return err
			}
		}
		r, err := tx.exec("DELETE FROM tasks WHERE number IN ("+which+")", args...)
		if err != nil {
			return err
		}
		count, err = r.RowsAffected()
		return err
	}})
	return count, err
}
