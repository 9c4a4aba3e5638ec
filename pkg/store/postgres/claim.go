package postgres

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

// batchStatement is a statement that locks a batch. Those of a transaction come last, in the
// order of the batches: several processes write about the same batches.
type batchStatement struct {
	batch int64
	statement
}

// lockedBatch is the number of the batch that the op's statement locks, 0 if it locks none.
func lockedBatch(op store.Op) int64 {
	switch op := op.(type) {
	case *store.OpenWork:
		return op.Batch
	case *store.ChangeWork:
		return op.Batch
	case *store.Claim:
		return op.Batch
	case *store.FinishLine:
		return op.Batch
	case *store.HoldWork:
		return op.Batch
	}
	return 0
}

// workStatement is statement for ops about batches whose lines are in the ledger.
func workStatement(op store.Op) (statement, error) {
	switch op := op.(type) {
	case *store.OpenWork:
		return call("SELECT @open_work($1, $2, $3)", op.Batch, op.Options, op.Credits), nil
	case *store.ChangeWork:
		return call("UPDATE @batch_work SET options = $1 WHERE batch = $2", op.Options, op.Batch), nil
	case *store.QueueLine:
		i := op.Item
		return call("SELECT @queue_line($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)", i.Batch, i.Key, int64(i.Line), i.ID, notNull(i.Content),
			op.Intent.Agent, op.Intent.CloudSession, op.Intent.Parent, op.Seen, op.Task, op.Intent.Prompt, []byte(op.Intent.Body), op.Unawaited, op.Assertions), nil
	case *store.Claim:
		return claim(op), nil
	case *store.CheckClaim:
		return call("SELECT @check_claim($1, $2, $3)", op.Batch, op.Key, op.Fence), nil
	case *store.RenewClaims:
		return call("UPDATE @batch_queue SET leased_until = CASE WHEN $1 = interval '0' THEN '-infinity' ELSE clock_timestamp() + $1 END WHERE owner = $2 AND finished IS NULL AND task <> 0", op.Lease, op.Owner), nil
	case *store.FinishLine:
		return call("SELECT @finish_line($1, $2, $3, $4, $5, $6, $7)", op.Batch, op.Key, op.Fence, op.Failed, op.Credits, op.Mismatch, op.Lost), nil
	case *store.ReleaseLine:
		return call("SELECT @release_line($1, $2, $3)", op.Batch, op.Key, op.Fence), nil
	case *store.HoldWork:
		return call("UPDATE @batch_work SET held_until = greatest(held_until, clock_timestamp() + $1) WHERE batch = $2", op.For, op.Batch), nil
	}
	return statement{}, fmt.Errorf("postgres: unknown op %T", op)
}

func claim(op *store.Claim) statement {
	l := op.Limits
	paths, digests, urls, members := []string{}, []string{}, []string{}, []string{}
	for _, a := range op.Addresses {
		paths, digests, urls, members = append(paths, a.Ticket.Path), append(digests, a.Ticket.Digest()), append(urls, a.URL), append(members, engine.Members(a, ""))
	}
	windows := append([]string{}, l.Windows...)
	return call("SELECT @claim($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)",
		op.Batch, op.Owner, op.Call, int64(op.Max), int64(l.Concurrency), l.Gap(), windows, int64(l.MaxFailures), l.MaxCredits,
		l.Lease, l.TimeLimit, l.SendLimit, store.SendAhead, op.Source, op.Cloud, op.Machine, op.At, paths, digests, urls, members)
}

// Works returns the batch of that number if its lines are in the ledger; with 0, all such
// batches, the oldest first.
func (l *Store) Works(ctx context.Context, batch int64) ([]store.Work, error) {
	columns := "b." + strings.ReplaceAll(batchColumns, ", ", ", b.")
	const sent = "FROM @batch_queue q WHERE q.batch = b.number AND q.finished IS NULL AND q.task <> 0 AND q.leased_until "
	return readAll(ctx, l, func(row scanner) (w store.Work, err error) {
		b := &w.Batch
		err = row.Scan(&b.Number, &b.Name, timeColumn{&b.BegunAt}, &b.Input, &b.Cloud, &b.Lines, &b.Settings, &w.Options, &w.Waiting, &w.Adoptable, &w.Unknown, &w.InFlight, &w.Lost,
			&w.Finished, &w.Failures, &w.Credits)
		return w, err
	}, "SELECT "+columns+`, w.options, EXISTS (SELECT 1 FROM @batch_queue q WHERE q.batch = b.number AND q.finished IS NULL AND q.task = 0),
		EXISTS (SELECT 1 `+sent+`<= clock_timestamp() AND (SELECT status FROM @tasks WHERE number = q.task) IS DISTINCT FROM 'unknown'),
		(SELECT count(*) `+sent+`<= clock_timestamp() AND (SELECT status FROM @tasks WHERE number = q.task) = 'unknown'),
		(SELECT count(*) `+sent+`> clock_timestamp()), (SELECT count(*) FROM @batch_queue q WHERE q.batch = b.number AND q.lost AND q.window_id <> ''), w.finished, w.failures, w.credits
		FROM @batches b JOIN @batch_work w ON w.batch = b.number WHERE $1::bigint IN (0, b.number) ORDER BY b.number`, batch)
}

// Claimed returns the lines that the owner has claimed by a call, or by any for 0, without
// their requests.
func (l *Store) Claimed(ctx context.Context, owner string, call int64) ([]store.Claimed, error) {
	return readAll(ctx, l, func(row scanner) (c store.Claimed, err error) {
		var in float64
		err = row.Scan(&c.Batch, &c.Key, &c.Line, &c.ID, &c.Content, &c.Fence, &c.Task, &c.Ticket, &c.Send, &in, &c.Prompt, &c.Request, &c.Window, &c.Assertions)
		c.In = time.Duration(math.Max(0, in) * float64(time.Second))
		return c, err
	}, `SELECT q.batch, q.key, q.line, q.id, q.content, q.fence, q.task, coalesce(t.ticket_path, ''), q.send_at IS NOT NULL, coalesce(extract(epoch FROM q.send_at - clock_timestamp()), 0)::float8,
		CASE WHEN $2::bigint = 0 THEN '' ELSE q.prompt END, CASE WHEN $2::bigint = 0 THEN NULL ELSE q.request END, q.window_id, q.assertions
		FROM @batch_queue q LEFT JOIN @tasks t ON t.number = q.task
		WHERE q.owner = $1 AND ($2::bigint = 0 OR q.call = $2) AND q.finished IS NULL AND q.task <> 0 ORDER BY q.send_at, q.line, q.key`, owner, call)
}

// FinishedLines returns the keys of lines that have finished after others, in this order,
// and the number of the last.
func (l *Store) FinishedLines(ctx context.Context, batch, after int64, limit int) (keys [][]byte, last int64, err error) {
	last = after
	_, err = readAll(ctx, l, func(row scanner) (key []byte, err error) {
		err = row.Scan(&key, &last)
		keys = append(keys, key)
		return key, err
	}, "SELECT key, finished FROM @batch_queue WHERE batch = $1 AND finished > $2 ORDER BY finished LIMIT $3", batch, after, int64(limit))
	return keys, last, err
}
