package sqlite

import (
	"cmp"
	"context"
	"math"
	"time"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

// Received returns up to limit callbacks with a smaller number than below, 0 for any, the
// newest first.
func (l *Store) Received(ctx context.Context, below int64, limit int) ([]store.Received, error) {
	return readAll(ctx, l, scanReceived, "SELECT seq, received_at, request_id, status, final, length(body) FROM deliveries WHERE seq < ? ORDER BY seq DESC LIMIT ?", cmp.Or(below, math.MaxInt64), limit)
}

func scanReceived(row scanner) (r store.Received, err error) {
	err = row.Scan(&r.Seq, timeColumn{&r.At}, &r.RequestID, &r.Status, &r.Final, &r.Size)
	return r, err
}

// NewestRefusals returns up to limit refused callbacks of all paths with a smaller number
// than below, 0 for any, the newest first.
func (l *Store) NewestRefusals(ctx context.Context, below int64, limit int) ([]store.Refusal, error) {
	return l.refusals(ctx, "WHERE seq < ? ORDER BY seq DESC LIMIT ?", cmp.Or(below, math.MaxInt64), limit)
}

// FinishTimes returns when the first and the last line that have finished did, of those that
// Tally counts; zero times if there is none.
func (l *Store) FinishTimes(ctx context.Context, batch int64) (first, last time.Time, err error) {
	if err := l.catchUp(ctx); err != nil {
		return first, last, err
	}
	_, _, err = readOne(ctx, l, func(row scanner) (none struct{}, err error) {
		return none, row.Scan(timeColumn{&first}, timeColumn{&last})
	}, "SELECT min(t.finished_at), max(t.finished_at)"+countedLines, batch, store.GoneLine)
	return first, last, err
}

// Pace returns how many lines of the batch finished in each span of that length, of those
// that Tally counts, the oldest first. Spans in which none finished are left out.
func (l *Store) Pace(ctx context.Context, batch int64, span time.Duration) ([]store.Pace, error) {
	if err := l.catchUp(ctx); err != nil {
		return nil, err
	}
	rows, err := readAll(ctx, l, scanUsage, "SELECT '', t.finished_at / ?3, "+lineStatus+", count(*), sum(t.actions), sum(t.microcredits)"+countedLines+" AND t.finished_at IS NOT NULL GROUP BY 2, 3 ORDER BY 2, 3",
		batch, store.GoneLine, span.Milliseconds())
	return engine.Pace(rows, span), err
}
