package postgres

import (
	"context"
	"time"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

// pruneStep is the number of tasks looked at in one transaction.
const pruneStep = 500

// Prune deletes old tasks with their callbacks, and returns the number of tasks. Unfinished
// tasks, and tasks with a callback that waits to be forwarded, are kept unless limits.Open is
// set. The lines of a batch stay known without their tasks, so that they are not sent again.
// An error does not undo earlier deletions.
func (l *Store) Prune(ctx context.Context, limits store.Limits) (count int64, err error) {
	c, err := l.cutOff(ctx, limits)
	if err != nil {
		return 0, err
	}
	for from, first := int64(0), true; err == nil && (from < c.last || first && !limits.Before.IsZero()); first = false {
		var some int64
		step := call("SELECT pruned, up_to FROM @prune($1, $2, $3, $4, $5, $6)", from, c.last, c.open, c.before, everything, pruneStep)
		step.scan = func(row scanner) error { return row.Scan(&some, &from) }
		if err = l.writer.Put(ctx, &write{do: []statement{step}}); err == nil {
			count += some
		}
	}
	return count, l.newError(err)
}

// Prunable returns what Prune would delete at this moment.
func (l *Store) Prunable(ctx context.Context, limits store.Limits) (p store.Prunable, err error) {
	c, err := l.cutOff(ctx, limits)
	if err != nil {
		return p, err
	}
	scan := func(row scanner) (p store.Prunable, err error) {
		err = row.Scan(&p.Tasks, &p.Open, &p.Waiting, &p.Kept, &p.Batches)
		return p, err
	}
	p, _, err = readOne(ctx, l, scan, `WITH within AS (
			SELECT number, request_id, finished_at, $2::boolean OR finished_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM @forwards f WHERE f.request_id = t.request_id AND f.state = 'waiting') AS goes
			FROM @tasks t WHERE number <= $1 AND dispatched_at < $3)
		SELECT count(*) FILTER (WHERE goes), count(*) FILTER (WHERE goes AND finished_at IS NULL),
			(SELECT count(*) FROM @forwards f JOIN within w USING (request_id) WHERE w.goes AND f.state = 'waiting'),
			count(*) FILTER (WHERE NOT goes),
			(SELECT coalesce(array_agg(DISTINCT b.name), '{}') FROM @batches b JOIN @batch_lines i ON i.batch = b.number JOIN within w ON w.number = i.task WHERE w.goes)
		FROM within`, c.last, c.open, c.before)
	return p, err
}

// cutOff is Limits in terms of the tasks' columns.
type cutOff struct {
	last   int64     // number of the newest task that may be deleted
	before time.Time // they were dispatched before
	open   bool
}

// everything is later than any task.
var everything = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func (l *Store) cutOff(ctx context.Context, limits store.Limits) (c cutOff, err error) {
	c.open, c.before = limits.Open, everything
	if limits.Keep > 0 {
		c.last, _, err = readOne(ctx, l, plain[int64], "SELECT number FROM @tasks ORDER BY number DESC LIMIT 1 OFFSET $1", limits.Keep)
	}
	if limits.Before.IsZero() || err != nil {
		return c, err
	}
	c.before = limits.Before
	newest, _, err := readOne(ctx, l, plain[int64], "SELECT @newest_before($1)", c.before)
	if limits.Keep <= 0 || newest < c.last {
		c.last = newest
	}
	return c, err
}

// Retain implements store.Ledger. Without a duration it deletes only what processes have left
// that were killed.
func (l *Store) Retain(d time.Duration, failed func(error)) {
	if d <= 0 {
		failed = nil
	}
	l.retention.Start(func(ctx context.Context) (bool, error) { return l.Maintain(ctx, d) }, failed)
}

// Maintain implements store.Ledger. It waits for no disk and no standby: what a lost server
// has not deleted is deleted again.
func (l *Store) Maintain(ctx context.Context, retention time.Duration) (more bool, err error) {
	var finished any
	if retention > 0 {
		finished = retention
	}
	more, _, err = readOne(ctx, l, plain[bool], "SELECT @maintain($1, $2, $3, $4)", finished, engine.MaintainStep, engine.MaintainPause, engine.MaintainRest)
	return more, err
}
