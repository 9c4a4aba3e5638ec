package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

// All processes have the clock of this machine, so that leases are by it.

// applyToWork applies an op about a batch whose lines are in the ledger.
func (t transaction) applyToWork(op store.Op) error {
	switch op := op.(type) {
	case *store.OpenWork:
		return t.run(`INSERT INTO batch_work (batch, options, credits) VALUES (?1, ?2, ?3)
			ON CONFLICT (batch) DO UPDATE SET options = excluded.options, failures = 0, next_at = 0,
			credits = iif(EXISTS (SELECT 1 FROM batch_queue WHERE batch = ?1 AND finished IS NULL), credits, excluded.credits)`, op.Batch, op.Options, op.Credits)
	case *store.ChangeWork:
		return t.run("UPDATE batch_work SET options = ? WHERE batch = ?", op.Options, op.Batch)
	case *store.QueueLine:
		return t.queueLine(op)
	case *store.Claim:
		return t.claim(op)
	case *store.CheckClaim:
		return t.held("UPDATE batch_queue SET fence = fence", op.HeldLine)
	case *store.RenewClaims:
		until := int64(0)
		if op.Lease != 0 {
			until = milliseconds(time.Now().Add(op.Lease))
		}
		return t.run("UPDATE batch_queue SET leased_until = ? WHERE owner = ? AND finished IS NULL AND task <> 0", until, op.Owner)
	case *store.FinishLine:
		return t.finishLine(op)
	case *store.ReleaseLine:
		return t.held("UPDATE batch_queue SET task = 0, owner = '', leased_until = 0, window_id = ''", op.HeldLine)
	case *store.HoldWork:
		return t.run("UPDATE batch_work SET held_until = max(held_until, ?) WHERE batch = ?", milliseconds(time.Now().Add(op.For)), op.Batch)
	}
	return fmt.Errorf("sqlite: unknown op %T", op)
}

func (t transaction) queueLine(op *store.QueueLine) error {
	i := op.Item
	newest, err := t.number("SELECT task FROM batch_lines WHERE batch = ? AND key = ?", i.Batch, i.Key)
	if err != nil || newest != op.Seen {
		return err
	}
	now := milliseconds(time.Now())
	if err := t.run(`UPDATE batch_queue SET claimed_at = iif(?, 0, claimed_at), window_id = iif(leased_until <= ?, '', window_id)
		WHERE batch = ? AND key = ? AND finished IS NULL AND task <> 0 AND task = ? AND (SELECT status FROM tasks WHERE number = task) = ?`,
		op.Unawaited, now, i.Batch, i.Key, op.Task, store.StatusUnknown); err != nil {
		return err
	}
	if err := t.run("UPDATE batch_queue SET assertions = ? WHERE batch = ? AND key = ? AND finished IS NULL", op.Assertions, i.Batch, i.Key); err != nil {
		return err
	}
	return t.run(`INSERT INTO batch_queue (batch, key, line, id, content, agent, cloud_session, parent, task, prompt, request, assertions, claimed_at, window_id)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?15, iif(?14, 0, coalesce(t.dispatched_at, ?12)), iif(t.status <> ?13, coalesce(CAST(t.request AS TEXT) ->> 'browserWindowId', ''), '')
			FROM (SELECT 1) LEFT JOIN tasks t ON t.number = ?9 WHERE true
		ON CONFLICT (batch, key) DO UPDATE SET line = excluded.line, id = excluded.id, content = excluded.content, agent = excluded.agent, cloud_session = excluded.cloud_session,
			parent = excluded.parent, task = excluded.task, prompt = excluded.prompt, request = excluded.request, assertions = excluded.assertions, claimed_at = excluded.claimed_at, lost = 0,
			window_id = excluded.window_id, owner = '', leased_until = 0, finished = NULL
		WHERE batch_queue.finished IS NOT NULL`,
		i.Batch, i.Key, i.Line, i.ID, append([]byte{}, i.Content...), op.Intent.Agent, op.Intent.CloudSession, op.Intent.Parent, op.Task, op.Intent.Prompt, []byte(op.Intent.Body),
		now, store.StatusUnknown, op.Unawaited, op.Assertions)
}

// held changes a line that the claim holds.
func (t transaction) held(statement string, line store.HeldLine, args ...any) error {
	rows, err := t.change(statement+" WHERE batch = ? AND key = ? AND fence = ? AND finished IS NULL AND task <> 0", append(args, line.Batch, line.Key, line.Fence)...)
	if err == nil && rows == 0 {
		err = store.ErrClaimLost
	}
	return err
}

func (t transaction) finishLine(op *store.FinishLine) error {
	finished, err := t.number("SELECT finished + 1 FROM batch_work WHERE batch = ?", op.Batch)
	if err != nil {
		return err
	}
	if err := t.held("UPDATE batch_queue SET finished = ?, lost = ?, prompt = '', request = NULL", op.HeldLine, finished, op.Lost); err != nil {
		return err
	}
	if err := t.run("UPDATE batch_work SET finished = ?, failures = failures + ?, credits = credits + ? WHERE batch = ?", finished, op.Failed, op.Credits, op.Batch); err != nil {
		return err
	}
	return t.run("UPDATE batch_lines SET mismatch = ? WHERE batch = ? AND key = ?", op.Mismatch, op.Batch, op.Key)
}

// claiming is a claim under way.
type claiming struct {
	transaction
	*store.Claim
	now       int64
	room      int // lines that may still be claimed
	next      int64
	windows   []string // free ones
	addresses []store.Address
}

func (t transaction) claim(op *store.Claim) error {
	c := &claiming{transaction: t, Claim: op, now: milliseconds(time.Now()), addresses: op.Addresses}
	if err := c.settleUnknown(); err != nil {
		return err
	}
	held, err := t.number("SELECT count(*) FROM batch_queue WHERE batch = ? AND finished IS NULL AND task <> 0 AND leased_until > ?", op.Batch, c.now)
	if err != nil {
		return err
	}
	c.room = min(op.Max, op.Limits.Concurrency-int(held))
	if err := c.adopt(); err != nil {
		return err
	}
	return c.send()
}

// settleUnknown finishes the lines that may have been accepted and whose time is over.
func (c *claiming) settleUnknown() error {
	var list []store.HeldLine
	sending := min(c.Limits.SendLimit, c.Limits.TimeLimit).Milliseconds()
	err := c.each(func(row scanner) error {
		one := store.HeldLine{Batch: c.Batch}
		list = append(list, one)
		return row.Scan(&list[len(list)-1].Key, &list[len(list)-1].Fence)
	}, `SELECT q.key, q.fence FROM batch_queue q JOIN tasks t ON t.number = q.task
		WHERE q.batch = ? AND q.finished IS NULL AND q.task <> 0 AND q.leased_until <= ? AND t.status = ?
			AND q.claimed_at + iif(coalesce(CAST(t.request AS TEXT) ->> 'callbackUrl', '') <> '', ?, ?) <= ?
			AND q.leased_until + ? <= ?`, // its worker may have begun to send it just before
		c.Batch, c.now, store.StatusUnknown, c.Limits.TimeLimit.Milliseconds(), sending, c.now, sending, c.now)
	for _, one := range list {
		if err == nil {
			err = c.finishLine(&store.FinishLine{HeldLine: one, Lost: true})
		}
	}
	return err
}

// keys are the keys of lines that a query returns.
func (c *claiming) keys(query string, args ...any) (keys [][]byte, err error) {
	err = c.each(func(row scanner) error {
		var key []byte
		err := row.Scan(&key)
		keys = append(keys, key)
		return err
	}, query, args...)
	return keys, err
}

// adopt claims the lines that were sent and whose outcome can be found. Those that were not
// accepted are to be sent again.
func (c *claiming) adopt() error {
	if err := c.run(`UPDATE batch_queue SET task = 0, owner = '', window_id = '' WHERE batch = ? AND finished IS NULL AND task <> 0 AND leased_until <= ?
		AND (SELECT status = ? AND failure = '' FROM tasks WHERE number = task)`, c.Batch, c.now, store.StatusRefused); err != nil || c.room <= 0 {
		return err
	}
	keys, err := c.keys(`SELECT q.key FROM batch_queue q LEFT JOIN tasks t ON t.number = q.task
		WHERE q.batch = ? AND q.finished IS NULL AND q.task <> 0 AND q.leased_until <= ? AND t.status IS NOT ? ORDER BY q.line, q.key LIMIT ?`,
		c.Batch, c.now, store.StatusUnknown, c.room)
	for _, key := range keys {
		if err == nil {
			err = c.take(key, "", 0, "")
		}
	}
	return err
}

// take gives a line, with the task that it has, to the owner.
func (c *claiming) take(key []byte, set string, sendAt int64, window string, args ...any) error {
	fence, err := c.number("UPDATE fences SET last = last + 1 RETURNING last")
	if err != nil {
		return err
	}
	c.room--
	return c.run("UPDATE batch_queue SET "+set+" lost = 0, fence = ?, owner = ?, call = ?, leased_until = ?, claimed_at = ?, send_at = ?, window_id = iif(? = '', window_id, ?) WHERE batch = ? AND key = ?",
		append(args, fence, c.Owner, c.Call, c.now+c.Limits.Lease.Milliseconds(), c.now, sendAt, window, window, c.Batch, key)...)
}

// send claims lines to be sent, as the limits allow.
func (c *claiming) send() error {
	var heldUntil, failures int64
	var credits float64
	err := c.each(func(row scanner) error { return row.Scan(&c.next, &heldUntil, &failures, &credits) },
		"SELECT next_at, held_until, failures, credits FROM batch_work WHERE batch = ?", c.Batch)
	if err != nil || c.room <= 0 || c.now < heldUntil || c.Limits.Stopped(int(failures), credits) {
		return err
	}
	if err := c.freeWindows(); err != nil {
		return err
	}
	keys, err := c.keys("SELECT key FROM batch_queue WHERE batch = ? AND finished IS NULL AND task = 0 ORDER BY line, key LIMIT ?", c.Batch, c.room)
	for _, key := range keys {
		turn := max(c.next, c.now*1000)
		if err != nil || turn-c.now*1000 > store.SendAhead.Microseconds() || len(c.Limits.Windows) > 0 && len(c.windows) == 0 {
			break
		}
		c.next = turn + c.Limits.Gap().Microseconds()
		err = c.sendOne(key, turn/1000)
	}
	if err != nil || c.Limits.Rate == 0 {
		return err
	}
	return c.run("UPDATE batch_work SET next_at = ? WHERE batch = ?", c.next, c.Batch)
}

// freeWindows sets the windows without a task.
func (c *claiming) freeWindows() error {
	var used []string
	err := c.each(func(row scanner) error {
		var window string
		err := row.Scan(&window)
		used = append(used, window)
		return err
	}, "SELECT window_id FROM batch_queue WHERE batch = ?1 AND finished IS NULL AND task <> 0 UNION ALL SELECT window_id FROM batch_queue WHERE batch = ?1 AND lost", c.Batch)
	for _, window := range c.Limits.Windows {
		if !slices.Contains(used, window) {
			c.windows = append(c.windows, window)
		}
	}
	return err
}

// sendOne writes the intent of a line, and claims it.
func (c *claiming) sendOne(key []byte, turn int64) error {
	i := store.Intent{Source: c.Source, Cloud: c.Cloud, Machine: c.Machine, At: c.At, Item: store.Item{Batch: c.Batch, Key: key}}
	var body []byte
	err := c.each(func(row scanner) error {
		return row.Scan(&i.Item.Line, &i.Item.ID, &i.Item.Content, &i.Agent, &i.CloudSession, &i.Parent, &i.Prompt, &body)
	}, "SELECT line, id, content, agent, cloud_session, parent, prompt, request FROM batch_queue WHERE batch = ? AND key = ?", c.Batch, key)
	if err != nil {
		return err
	}
	window, address := "", store.Address{}
	if len(c.windows) > 0 {
		window, c.windows = c.windows[0], c.windows[1:]
	}
	if len(c.addresses) > 0 {
		address, c.addresses = c.addresses[0], c.addresses[1:]
	}
	i.Ticket, i.Body = address.Ticket, engine.WithMembers(body, engine.Members(address, window))
	intend := &store.Intend{Intent: i}
	if err := c.intend(intend); err != nil {
		return err
	}
	return c.take(key, "task = ?,", turn, window, intend.Number)
}

// Works returns the batch of that number if its lines are in the ledger; with 0, all such
// batches, the oldest first.
func (l *Store) Works(ctx context.Context, batch int64) ([]store.Work, error) {
	columns := "b." + strings.ReplaceAll(batchColumns, ", ", ", b.")
	sent := "FROM batch_queue q WHERE q.batch = b.number AND q.finished IS NULL AND q.task <> 0 AND q.leased_until "
	return readAll(ctx, l, func(row scanner) (w store.Work, err error) {
		b := &w.Batch
		err = row.Scan(&b.Number, &b.Name, timeColumn{&b.BegunAt}, &b.Input, &b.Cloud, &b.Lines, &b.Settings, &w.Options, &w.Waiting, &w.Adoptable, &w.Unknown, &w.InFlight, &w.Lost,
			&w.Finished, &w.Failures, &w.Credits)
		return w, err
	}, "SELECT "+columns+`, w.options, EXISTS (SELECT 1 FROM batch_queue q WHERE q.batch = b.number AND q.finished IS NULL AND q.task = 0),
		EXISTS (SELECT 1 `+sent+`<= ?2 AND (SELECT status FROM tasks WHERE number = q.task) IS NOT 'unknown'),
		(SELECT count(*) `+sent+`<= ?2 AND (SELECT status FROM tasks WHERE number = q.task) = 'unknown'),
		(SELECT count(*) `+sent+`> ?2), (SELECT count(*) FROM batch_queue q WHERE q.batch = b.number AND q.lost AND q.window_id <> ''), w.finished, w.failures, w.credits
		FROM batches b JOIN batch_work w ON w.batch = b.number WHERE ?1 IN (0, b.number) ORDER BY b.number`, batch, milliseconds(time.Now()))
}

// Claimed returns the lines that the owner has claimed by a call, or by any for 0, without
// their requests.
func (l *Store) Claimed(ctx context.Context, owner string, call int64) ([]store.Claimed, error) {
	now := milliseconds(time.Now())
	return readAll(ctx, l, func(row scanner) (c store.Claimed, err error) {
		var sendAt int64
		var ticket sql.NullString
		err = row.Scan(&c.Batch, &c.Key, &c.Line, &c.ID, &c.Content, &c.Fence, &c.Task, &ticket, &sendAt, &c.Prompt, &c.Request, &c.Window, &c.Assertions)
		c.Ticket, c.Send, c.In = ticket.String, sendAt != 0, time.Duration(max(0, sendAt-now))*time.Millisecond
		return c, err
	}, `SELECT q.batch, q.key, q.line, q.id, q.content, q.fence, q.task, t.ticket_path, q.send_at, iif(?2 = 0, '', q.prompt), iif(?2 = 0, NULL, q.request), q.window_id, q.assertions
		FROM batch_queue q LEFT JOIN tasks t ON t.number = q.task
		WHERE q.owner = ?1 AND (?2 = 0 OR q.call = ?2) AND q.finished IS NULL AND q.task <> 0 ORDER BY q.send_at, q.line, q.key`, owner, call)
}

// FinishedLines returns the keys of lines that have finished after others, in this order,
// and the number of the last.
func (l *Store) FinishedLines(ctx context.Context, batch, after int64, limit int) (keys [][]byte, last int64, err error) {
	last = after
	_, err = readAll(ctx, l, func(row scanner) (key []byte, err error) {
		err = row.Scan(&key, &last)
		keys = append(keys, key)
		return key, err
	}, "SELECT key, finished FROM batch_queue WHERE batch = ? AND finished > ? ORDER BY finished LIMIT ?", batch, after, limit)
	return keys, last, err
}
