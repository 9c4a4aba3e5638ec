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
// are kept unless limits.Open is set. The lines of a batch stay known without their tasks, so
// that they are not sent again. An error does not undo earlier deletions.
func (l *Store) Prune(ctx context.Context, limits store.Limits) (count int64, err error) {
	if err := l.index(ctx); err != nil {
		return 0, err
	}
	c, err := l.cutOff(ctx, limits)
	if err != nil {
		return 0, err
	}
	for from, first := int64(0), true; from < c.last || first && !limits.Before.IsZero(); first = false {
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
	return count, l.vacuum(ctx)
}

// Prunable returns what Prune would delete at this moment.
func (l *Store) Prunable(ctx context.Context, limits store.Limits) (p store.Prunable, err error) {
	if err := l.index(ctx); err != nil {
		return p, err
	}
	c, err := l.cutOff(ctx, limits)
	if err != nil {
		return p, err
	}
	args := []any{0, c.last, c.open, c.before, c.finished}
	for query, count := range map[string]*int64{
		"SELECT count(*) FROM tasks WHERE number IN (" + prunable + ")":                                                                            &p.Tasks,
		"SELECT count(*) FROM tasks WHERE finished_at IS NULL AND number IN (" + prunable + ")":                                                    &p.Open,
		"SELECT count(*) FROM forwards f JOIN tasks t ON t.request_id = f.request_id WHERE f.state = 'waiting' AND t.number IN (" + prunable + ")": &p.Waiting,
		"SELECT count(*) FROM tasks WHERE " + inLimits + " AND number NOT IN (" + prunable + ")":                                                   &p.Kept,
	} {
		if *count, _, err = readOne(ctx, l, plain[int64], query, args...); err != nil {
			return p, err
		}
	}
	p.Batches, err = readAll(ctx, l, plain[string], "SELECT DISTINCT b.name FROM batches b JOIN batch_lines i ON i.batch = b.number WHERE i.task IN ("+prunable+") ORDER BY 1", args...)
	return p, err
}

// Which tasks may be deleted: ?1 and ?2 are the limits of their numbers, the first not
// included, ?3 is Limits.Open, ?4 the time before which they were dispatched, and ?5 that
// before which they finished.
const (
	inLimits = "number > ?1 AND number <= ?2 AND dispatched_at < ?4"
	prunable = "SELECT number FROM tasks WHERE " + inLimits + ` AND (?3 OR finished_at < ?5
		AND NOT EXISTS (SELECT 1 FROM forwards f WHERE f.request_id = tasks.request_id AND f.state = 'waiting'))`
)

// cutOff is Limits in terms of the tasks' columns.
type cutOff struct {
	last     int64 // number of the newest task that may be deleted
	before   int64 // they were dispatched before
	finished int64 // they finished before
	open     bool
	step     int // tasks that are looked at in a transaction
}

func (l *Store) cutOff(ctx context.Context, limits store.Limits) (c cutOff, err error) {
	c = cutOff{open: limits.Open, before: math.MaxInt64, finished: math.MaxInt64, step: pruneStep}
	if limits.Keep > 0 {
		c.last, _, err = readOne(ctx, l, plain[int64], "SELECT number FROM tasks ORDER BY number DESC LIMIT 1 OFFSET ?", limits.Keep)
	}
	if limits.Before.IsZero() || err != nil {
		return c, err
	}
	c.before = milliseconds(limits.Before)
	newest, err := l.newestBefore(ctx, c.before)
	if limits.Keep <= 0 || newest < c.last {
		c.last = newest
	}
	return c, err
}

// newestBefore returns the number of the newest task that was dispatched before. The index is
// named, or SQLite would look at all younger tasks.
func (l *Store) newestBefore(ctx context.Context, before int64) (number int64, err error) {
	number, _, err = readOne(ctx, l, plain[int64], "SELECT coalesce(max(+number), 0) FROM tasks INDEXED BY tasks_dispatched_at WHERE dispatched_at < ?", before)
	return number, err
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
	to, err = tx.number("SELECT coalesce(max(number), ?2) FROM (SELECT number FROM tasks WHERE number > ?1 AND number <= ?2 ORDER BY number LIMIT ?3)", from, c.last, c.step)
	if err != nil {
		return 0, from, err
	}
	for _, statement := range []string{
		"DELETE FROM deliveries WHERE seq IN (SELECT i.seq FROM delivery_index i JOIN tasks t ON t.request_id = i.request_id WHERE t.number IN (" + prunable + "))",
		"DELETE FROM forwards WHERE request_id IN (SELECT request_id FROM tasks WHERE number IN (" + prunable + "))",
		"DELETE FROM delivery_index WHERE request_id IN (SELECT request_id FROM tasks WHERE number IN (" + prunable + "))",
		"DELETE FROM events WHERE task IN (" + prunable + ")",
		"DELETE FROM refusals WHERE ticket_path IN (SELECT ticket_path FROM tasks WHERE number IN (" + prunable + "))",
		forgetSessions,
		"DELETE FROM tasks WHERE number IN (" + prunable + ")",
	} {
		if count, err = tx.change(statement, from, to, c.open, c.before, c.finished); err != nil { // of the last one counts
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
