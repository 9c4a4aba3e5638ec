package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

// taskColumns are those of the task t, which may be NULL in a join, except the prompt. A
// query adds the prompt, or an empty text, after them.
const taskColumns = `coalesce(t.number, 0), coalesce(t.request_id, ''), coalesce(t.source, ''), coalesce(t.cloud, ''), coalesce(t.machine, ''), coalesce(t.agent, ''),
	coalesce(t.cloud_session, ''), coalesce(t.parent, ''), coalesce(t.batch, 0), coalesce(t.ticket_path, ''), coalesce(t.status, ''), coalesce(t.reported_by, ''),
	t.dispatched_at, t.finished_at, coalesce(t.duration_ms, 0), coalesce(t.actions, 0), coalesce(t.microcredits, 0), coalesce(t.failure, '')`

// taskQuery reads tasks.
const taskQuery = "SELECT " + taskColumns + `, t.prompt,
	coalesce((SELECT state FROM @forwards f WHERE f.request_id = t.request_id ORDER BY state = 'failed' DESC, state = 'waiting' DESC LIMIT 1), '') FROM @tasks t `

func scanTask(row scanner) (store.Task, error) {
	var forwarded store.ForwardState
	t, err := scanTaskAnd(row, &forwarded)
	t.Forwarded = forwarded
	return t, err
}

// scanTaskAnd scans a task and the columns after it.
func scanTaskAnd(row scanner, more ...any) (t store.Task, err error) {
	var took, microcredits int64
	err = row.Scan(append([]any{&t.Number, &t.RequestID, &t.Source, &t.Cloud, &t.Machine, &t.Agent, &t.CloudSession, &t.Parent, &t.Batch, &t.TicketPath,
		&t.Status, &t.Way, timeColumn{&t.DispatchedAt}, timeColumn{&t.FinishedAt}, &took, &t.Actions, &microcredits, &t.Failure, &t.Prompt}, more...)...)
	t.Took, t.Credits = time.Duration(took)*time.Millisecond, store.Credits(microcredits)
	return t, err
}

// Tasks calls yield for the tasks that match, newest first, until it returns an error,
// which Tasks returns. Another error is an *Error. No read is open while yield runs.
func (l *Store) Tasks(ctx context.Context, q store.Query, yield func(store.Task) error) error {
	where := conditionsOf(q)
	return engine.Tasks(q, func(below int64, size int) ([]store.Task, error) {
		page := where.and("t.number < ?", below)
		return readAll(ctx, l, scanTask, taskQuery+page.text()+" ORDER BY t.number DESC LIMIT "+fmt.Sprint(size), page.args...)
	}, yield)
}

// conditions are those of a query, with ? for each argument.
type conditions struct {
	list []string
	args []any
}

// and returns the conditions with one more.
func (c conditions) and(condition string, args ...any) conditions {
	for range args {
		condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(c.args)+1), 1)
	}
	return conditions{append(c.list[:len(c.list):len(c.list)], condition), append(c.args[:len(c.args):len(c.args)], args...)}
}

func (c conditions) text() string { return "WHERE " + strings.Join(c.list, " AND ") }

// conditionsOf returns the conditions of a query, except that on the number.
func conditionsOf(q store.Query) (c conditions) {
	add := func(set bool, condition string, args ...any) {
		if set {
			c = c.and(condition, args...)
		}
	}
	add(q.Status != "", "t.status = ?", string(q.Status))
	add(q.Agent != "", "t.agent = ?", q.Agent)
	add(q.Source != "", "t.source = ?", q.Source)
	add(q.Batch != 0, "t.batch = ?", q.Batch)
	add(!q.Samples && !q.Failed && q.Source == "", "t.source <> ?", store.SourceTrigger)
	add(q.Open, "t.finished_at IS NULL")
	add(q.Failed, "t.request_id IN (SELECT request_id FROM @forwards WHERE state = 'failed')")
	add(!q.Since.IsZero(), "t.dispatched_at >= ?", q.Since)
	add(!q.Heard.IsZero(), "EXISTS (SELECT 1 FROM @deliveries d WHERE d.request_id = t.request_id AND d.received_at >= ?)", q.Heard)
	return c
}

// Task returns the task with that request ID.
func (l *Store) Task(ctx context.Context, id string) (t store.Task, ok bool, err error) {
	return readOne(ctx, l, scanTask, taskQuery+"WHERE t.request_id = $1", id)
}

// Numbered returns the task with that number.
func (l *Store) Numbered(ctx context.Context, number int64) (t store.Task, ok bool, err error) {
	return readOne(ctx, l, scanTask, taskQuery+"WHERE t.number = $1", number)
}

// Newest returns the newest task that has a request ID and is no sample.
func (l *Store) Newest(ctx context.Context) (t store.Task, ok bool, err error) {
	return readOne(ctx, l, scanTask, taskQuery+"WHERE t.request_id IS NOT NULL AND t.source <> $1 ORDER BY t.number DESC LIMIT 1", store.SourceTrigger)
}

// Request returns the request as sent, secrets masked; nil for a task sent elsewhere.
func (l *Store) Request(ctx context.Context, t store.Task) (json.RawMessage, error) {
	body, _, err := readOne(ctx, l, plain[[]byte], "SELECT request FROM @tasks WHERE number = $1", t.Number)
	return body, err
}

// Final returns the result of the task with t's number, from the newest final callback or
// from a poll; nil if there is none.
func (l *Store) Final(ctx context.Context, t store.Task) (*narada.Result, error) {
	r, _, err := readOne(ctx, l, scanResult, `SELECT result, (SELECT body FROM @deliveries d WHERE d.request_id = t.request_id AND final ORDER BY seq DESC LIMIT 1)
		FROM @tasks t WHERE number = $1`, t.Number)
	return r, err
}

func scanResult(row scanner) (r *narada.Result, err error) {
	var polled, delivered []byte
	switch err = row.Scan(&polled, &delivered); {
	case err != nil:
	case delivered != nil:
		r, _, err = narada.ParseCallback(delivered)
	case polled != nil:
		r, err = narada.ParseResult(polled)
	}
	return r, err
}

// Deliveries returns the task's callbacks, oldest first.
func (l *Store) Deliveries(ctx context.Context, t store.Task) ([]store.Delivery, error) {
	return readAll(ctx, l, scanDelivery, "SELECT "+deliveryColumns+" FROM @deliveries WHERE request_id = $1 ORDER BY seq", t.RequestID)
}

// Callback returns the callback with that number; ok is false if it has been pruned.
func (l *Store) Callback(ctx context.Context, seq int64) (d store.Delivery, ok bool, err error) {
	return readOne(ctx, l, scanDelivery, "SELECT "+deliveryColumns+" FROM @deliveries WHERE seq = $1", seq)
}

const deliveryColumns = "seq, received_at, final, header, body"

func scanDelivery(row scanner) (d store.Delivery, err error) {
	err = row.Scan(&d.Seq, timeColumn{&d.ReceivedAt}, &d.Final, headerColumn{&d.Header}, (*[]byte)(&d.Body))
	return d, err
}

// Events returns the events of the task, oldest first. Those of its callbacks are derived
// from them.
func (l *Store) Events(ctx context.Context, t store.Task) ([]store.Event, error) {
	deliveries, err := l.Deliveries(ctx, t)
	if err != nil {
		return nil, err
	}
	list, err := readAll(ctx, l, scanEvent, "SELECT number, task, at, kind, attempts, detail FROM @events WHERE task = $1 ORDER BY number", t.Number)
	if err != nil {
		return nil, err
	}
	list, err = store.Timeline(t, list, deliveries)
	return list, l.newError(err)
}

func scanEvent(row scanner) (e store.Event, err error) {
	var detail string
	var attempts int
	if err := row.Scan(&e.Number, &e.Task, timeColumn{&e.At}, &e.Kind, &attempts, &detail); err != nil {
		return e, err
	}
	err = json.Unmarshal([]byte(detail), &e.EventDetail)
	e.Attempts = attempts
	return e, err
}
