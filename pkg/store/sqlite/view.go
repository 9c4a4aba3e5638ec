package sqlite

import (
	"context"
	"math"
	"time"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

// Received returns up to limit callbacks with a smaller number than below, 0 for any, the
// newest first.
func (l *Store) Received(ctx context.Context, below int64, limit int) ([]store.Received, error) {
	if below == 0 {
		below = math.MaxInt64
	}
	return readAll(ctx, l, scanReceived, "SELECT seq, received_at, request_id, status, final, length(body) FROM deliveries WHERE seq < ? ORDER BY seq DESC LIMIT ?", below, limit)
}

func scanReceived(row scanner) (r store.Received, err error) {
	err = row.Scan(&r.Seq, timeColumn{&r.At}, &r.RequestID, &r.Status, &r.Final, &r.Size)
	return r, err
}

// NewestRefusals returns up to limit refused callbacks of all paths, the newest first.
func (l *Store) NewestRefusals(ctx context.Context, limit int) ([]store.Refusal, error) {
	return l.refusals(ctx, "ORDER BY seq DESC LIMIT ?", limit)
}

// Pace returns how many tasks of the batch finished in each span of that length, the oldest
// first. Spans in which none finished are left out.
func (l *Store) Pace(ctx context.Context, batch int64, span time.Duration) ([]store.Pace, error) {
	if err := l.catchUp(ctx); err != nil {
		return nil, err
	}
	rows, err := readAll(ctx, l, scanUsage, "SELECT '', finished_at / ?1, status, count(*), sum(actions), sum(microcredits) FROM tasks WHERE batch = ?2 AND finished_at IS NOT NULL GROUP BY 2, 3 ORDER BY 2, 3",
		span.Milliseconds(), batch)
	return engine.Pace(rows, span), err
}
