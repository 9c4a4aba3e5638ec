package postgres

import (
	"context"
	"time"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

// Usage returns what tasks used that were dispatched since, ordered by name or time.
func (l *Store) Usage(ctx context.Context, since time.Time, by store.UsageBy) ([]store.Usage, error) {
	rows, err := readAll(ctx, l, scanUsage, engine.UsageQuery(by, "(extract(epoch FROM t.dispatched_at) * 1000)::bigint")+
		" FROM @tasks t LEFT JOIN @batches b ON b.number = t.batch WHERE t.dispatched_at >= $1 AND t.source <> $2 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3", since, store.SourceTrigger)
	return engine.Usage(rows), err
}

func scanUsage(row scanner) (u engine.UsageRow, err error) {
	err = row.Scan(&u.Name, &u.Span, &u.Status, &u.Count, &u.Actions, &u.Microcredits)
	return u, err
}

// Revision returns a text that is different after each callback, refusal and event of a
// task, of all processes.
func (l *Store) Revision(ctx context.Context) (string, error) {
	text, _, err := readOne(ctx, l, plain[string], `SELECT coalesce((SELECT max(number) FROM @events), 0) || '.' ||
		(SELECT seq FROM @newest) || '.' || coalesce((SELECT max(seq) FROM @refusals), 0)`)
	return text, err
}
