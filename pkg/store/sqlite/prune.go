package sqlite

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/narada-cli/narada/pkg/store"
)

// The pace of Prune: SQLite does not queue waiting writers, so it pauses after each
// transaction.
const (
	pruneStep     = 500 // tasks in a transaction
	vacuumPages   = 500 // pages in a transaction
	prunePause    = 1   // times the duration of the transaction
	minPrunePause = 5 * time.Millisecond
)

// Prune deletes old tasks with their callbacks, frees the disk space, and returns the
// number of tasks. Unfinished tasks, and tasks with a callback that waits to be forwarded,
// are kept unless limits.Open is set. An error does not undo earlier deletions.
func (l *Store) Prune(ctx context.Context, limits store.Limits) (count int64, err error) {
	if err := l.index(ctx); err != nil {
		return 0, err
	}
	c, err := l.cutOff(ctx, limits)
	if err != nil {
		return 0, err
	}
	for from := int64(0); from < c.last; {
		var n int64
		err := l.paced(ctx, func(tx transaction) (err error) {
			n, from, err = c.pruneSome(tx, from)
			return err
		})
		if count += n; err != nil {
			return count, err
		}
	}
	if count == 0 {
		return 0, nil
	}
	if err := l.paced(ctx, pruneBatches); err != nil {
		return count, err
	}
	return count, l.vacuum(ctx)
}

// cutOff is Limits in terms of the tasks' columns.
type cutOff struct {
	last   int64 // number of the newest task that may be deleted
	number int64 // tasks up to it are deleted
	before int64 // and others dispatched before it
	open   bool
}

func (l *Store) cutOff(ctx context.Context, limits store.Limits) (c cutOff, err error) {
	c.open = limits.Open
	if limits.Keep > 0 {
		c.number, _, err = readOne(ctx, l, plain[int64], "SELECT number FROM tasks ORDER BY number DESC LIMIT 1 OFFSET ?", limits.Keep)
		c.last = c.number
	}
	if err == nil && !limits.Before.IsZero() {
		c.before = milliseconds(limits.Before)
		c.last, _, err = readOne(ctx, l, plain[int64], "SELECT coalesce(max(number), 0) FROM tasks")
	}
	return c, err
}

// paced runs a step, then pauses for other writers.
func (l *Store) paced(ctx context.Context, step func(transaction) error) error {
	began := time.Now()
	if err := l.writer.put(ctx, &write{do: step}); err != nil {
		return err
	}
	select {
	case <-time.After(max(prunePause*time.Since(began), minPrunePause)):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// pruneSome deletes tasks among the next ones after from; to is the last it looked at.
func (c cutOff) pruneSome(tx transaction, from int64) (count, to int64, err error) {
	to, err = tx.number("SELECT coalesce(max(number), ?2) FROM (SELECT number FROM tasks WHERE number > ?1 AND number <= ?2 ORDER BY number LIMIT ?3)", from, c.last, pruneStep)
	if err != nil {
		return 0, from, err
	}
	const which = `SELECT number FROM tasks WHERE number > ?1 AND number <= ?2 AND (number <= ?4 OR dispatched_at < ?5)
		AND (?3 OR finished_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM forwards f WHERE f.request_id = tasks.request_id AND f.state = 'waiting'))`
	for _, statement := range []string{
		"DELETE FROM deliveries WHERE seq IN (SELECT i.seq FROM delivery_index i JOIN tasks t ON t.request_id = i.request_id WHERE t.number IN (" + which + "))",
		"DELETE FROM forwards WHERE request_id IN (SELECT request_id FROM tasks WHERE number IN (" + which + "))",
		"DELETE FROM delivery_index WHERE request_id IN (SELECT request_id FROM tasks WHERE number IN (" + which + "))",
		"DELETE FROM events WHERE task IN (" + which + ")",
		"DELETE FROM refusals WHERE ticket_path IN (SELECT ticket_path FROM tasks WHERE number IN (" + which + "))",
		"DELETE FROM tasks WHERE number IN (" + which + ")",
	} {
		if count, err = tx.change(statement, from, to, c.open, c.number, c.before); err != nil { // of the last one counts
			return 0, from, err
		}
	}
	return count, to, nil
}

// vacuum frees the disk space that pruning has left.
func (l *Store) vacuum(ctx context.Context) error {
	for before := int64(math.MaxInt64); ; {
		free, _, err := readOne(ctx, l, plain[int64], "SELECT freelist_count FROM pragma_freelist_count")
		if err != nil {
			return err
		}
		if free == 0 || free >= before { // the database frees no more
			break
		}
		before = free
		err = l.paced(ctx, func(tx transaction) error { return tx.run(fmt.Sprintf("PRAGMA incremental_vacuum(%d)", vacuumPages)) })
		if err != nil {
			return err
		}
		l.moveLog()
	}
	_, err := l.checkpoint(ctx, emptyLog) // if blocked, maintain does it later
	return err
}
