package sqlite

import (
	"context"
	"time"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

// Usage returns what tasks used that were dispatched since, ordered by name or time.
func (l *Store) Usage(ctx context.Context, since time.Time, by store.UsageBy) ([]store.Usage, error) {
	if err := l.catchUp(ctx); err != nil {
		return nil, err
	}
	after := int64(0)
	if !since.IsZero() {
		after = milliseconds(since)
	}
	rows, err := readAll(ctx, l, scanUsage, engine.UsageQuery(by, "t.dispatched_at")+
		" FROM tasks t LEFT JOIN batches b ON b.number = t.batch WHERE t.dispatched_at >= ? AND t.source <> ? GROUP BY 1, 2, 3 ORDER BY 1, 2, 3", after, store.SourceTrigger)
	return engine.Usage(rows), err
}

func scanUsage(row scanner) (u engine.UsageRow, err error) {
	err = row.Scan(&u.Name, &u.Span, &u.Status, &u.Count, &u.Actions, &u.Microcredits)
	return u, err
}

// Revision returns a text that is different after each callback, refusal and event of a
// task, of all processes.
func (l *Store) Revision(ctx context.Context) (string, error) {
	text, _, err := readOne(ctx, l, plain[string], `SELECT coalesce((SELECT max(number) FROM events), 0) || '.' ||
		coalesce((SELECT max(seq) FROM deliveries), 0) || '.' || coalesce((SELECT max(seq) FROM refusals), 0)`)
	return text, err
}
