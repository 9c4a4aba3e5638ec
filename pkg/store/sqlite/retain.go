package sqlite

import (
	"context"
	"time"

	"github.com/narada-cli/narada/pkg/store/engine"
)

// Retain implements store.Ledger.
func (l *Store) Retain(d time.Duration, failed func(error)) {
	if d > 0 {
		l.retention.Start(func(ctx context.Context) (bool, error) { return l.Maintain(ctx, d) }, failed)
	}
}

// pass is the state of the deletion of old tasks: what remains of the tasks up to last are
// those after number.
type pass struct{ due, number, last int64 }

func scanPass(row scanner) (p pass, err error) {
	err = row.Scan(&p.due, &p.number, &p.last)
	return p, err
}

// Maintain implements store.Ledger. The space of what it deletes is used again, and remains
// part of the file.
func (l *Store) Maintain(ctx context.Context, retention time.Duration) (more bool, err error) {
	if retention <= 0 {
		return false, nil
	}
	now := time.Now()
	p, _, err := readOne(ctx, l, scanPass, "SELECT due_at, number, last FROM maintenance")
	if err != nil || p.due > milliseconds(now) && p.due <= milliseconds(now.Add(engine.MaintainRest)) { // else the clock was wrong
		return false, err
	}
	old := milliseconds(now.Add(-retention))
	next := p
	if p.number >= p.last { // a new pass
		if err := l.index(ctx); err != nil {
			return false, err
		}
		next.number = 0
		if next.last, err = l.newestBefore(ctx, old); err != nil {
			return false, err
		}
	}
	c := cutOff{last: next.last, before: old, finished: old, step: engine.MaintainStep}
	err = l.writer.put(ctx, &write{do: func(tx transaction) error {
		step := next
		if due, err := tx.number("SELECT count(*) FROM maintenance WHERE due_at = ?", p.due); due == 0 || err != nil { // another process did it
			return err
		}
		if _, step.number, err = c.pruneSome(tx, next.number); err != nil {
			return err
		}
		pause := engine.MaintainRest
		if more = step.number < step.last; more {
			pause = engine.MaintainPause
		}
		return tx.run("UPDATE maintenance SET due_at = ?, number = ?, last = ?", milliseconds(time.Now().Add(pause)), step.number, step.last)
	}})
	return more, err
}
