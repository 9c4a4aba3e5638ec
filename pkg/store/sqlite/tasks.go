package sqlite

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

// taskColumns are those of the task t, which may be NULL in a join, except the prompt. A
// query adds the prompt, or ”, after them.
const taskColumns = `coalesce(t.number, 0), coalesce(t.request_id, ''), coalesce(t.source, ''), coalesce(t.cloud, ''), coalesce(t.machine, ''), coalesce(t.agent, ''),
	coalesce(t.cloud_session, ''), coalesce(t.parent, ''), coalesce(t.batch, 0), coalesce(t.ticket_path, ''), coalesce(t.status, ''), coalesce(t.reported_by, ''),
	t.dispatched_at, t.finished_at, coalesce(t.duration_ms, 0), coalesce(t.actions, 0), coalesce(t.microcredits, 0), coalesce(t.failure, '')`

// taskQuery reads tasks.
const taskQuery = "SELECT " + taskColumns + `, t.prompt,
	coalesce((SELECT state FROM forwards f WHERE f.request_id = t.request_id ORDER BY state = 'failed' DESC, state = 'waiting' DESC LIMIT 1), '') FROM tasks t `

func scanTask(row scanner) (t store.Task, err error) {
	var forwarded store.ForwardState
	t, err = scanTaskAnd(row, &forwarded)
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
	if err := l.catchUp(ctx); err != nil {
		return err
	}
	return l.tasks(ctx, q, yield)
}

// tasks is Tasks, of what is indexed.
func (l *Store) tasks(ctx context.Context, q store.Query, yield func(store.Task) error) error {
	from, err := l.firstSince(ctx, q.Since)
	if err != nil {
		return err
	}
	return engine.Tasks(q, func(below int64, size int) ([]store.Task, error) { return l.taskPage(ctx, q, from, below, size) }, yield)
}

// firstSince returns the smallest number of the tasks dispatched since then.
func (l *Store) firstSince(ctx context.Context, since time.Time) (int64, error) {
	if since.IsZero() {
		return 0, nil
	}
	number, _, err := readOne(ctx, l, plain[int64], firstSinceQuery, int64(math.MaxInt64), milliseconds(since))
	return number, err
}

// firstSinceQuery has a + so that SQLite reads the index on the time, not the tasks.
const firstSinceQuery = "SELECT coalesce(min(+number), ?) FROM tasks WHERE dispatched_at >= ?"

// taskPage reads the next tasks below that number; fewer than size are the last ones.
func (l *Store) taskPage(ctx context.Context, q store.Query, from, below int64, size int) ([]store.Task, error) {
	where, args := taskConditions(q)
	return readAll(ctx, l, scanTask, pageQuery(where), append(args, from, below, size)...)
}

func pageQuery(where []string) string {
	return taskQuery + "WHERE " + strings.Join(append(where, "t.number >= ?", "t.number < ?"), " AND ") + " ORDER BY t.number DESC LIMIT ?"
}

// taskConditions returns the conditions of a query, except those on the number, and their
// arguments.
func taskConditions(q store.Query) (where []string, args []any) {
	add := func(set bool, condition string, arg ...any) {
		if set {
			where, args = append(where, condition), append(args, arg...)
		}
	}
	add(q.Status != "", "t.status = ?", q.Status)
	add(q.Agent != "", "t.agent = ?", q.Agent)
	add(q.Source != "", "t.source = ?", q.Source)
	add(q.Batch != 0, "t.batch = ?", q.Batch)
	add(!q.Samples && !q.Failed && q.Source == "", "t.source <> ?", store.SourceTrigger)
	add(q.Open, "t.finished_at IS NULL")
	add(q.Failed, "t.request_id IN (SELECT request_id FROM forwards WHERE state = 'failed')")
	add(!q.Since.IsZero(), "t.dispatched_at >= ?", milliseconds(q.Since))
	add(!q.Heard.IsZero(), heardSince, milliseconds(q.Heard))
	return where, args
}

// heardSince is true for tasks with a callback since then.
const heardSince = "EXISTS (SELECT 1 FROM delivery_index i JOIN deliveries d ON d.seq = i.seq WHERE i.request_id = t.request_id AND d.received_at >= ?)"

// catchUp indexes what others have stored, so that it is found. If the ledger cannot be
// written, only what was indexed before is found.
func (l *Store) catchUp(ctx context.Context) error {
	if err := l.index(ctx); err != nil && !cannotWrite(err) {
		return err
	}
	return nil
}

// Task returns the task with that request ID.
func (l *Store) Task(ctx context.Context, id string) (t store.Task, ok bool, err error) {
	return l.task(ctx, "WHERE t.request_id = ?", id)
}

// Numbered returns the task with that number.
func (l *Store) Numbered(ctx context.Context, number int64) (t store.Task, ok bool, err error) {
	return l.task(ctx, "WHERE t.number = ?", number)
}

// Newest returns the newest task that has a request ID and is no sample.
func (l *Store) Newest(ctx context.Context) (t store.Task, ok bool, err error) {
	return l.task(ctx, "WHERE t.request_id IS NOT NULL AND t.source <> ? ORDER BY t.number DESC LIMIT 1", store.SourceTrigger)
}

func (l *Store) task(ctx context.Context, where string, args ...any) (store.Task, bool, error) {
	if err := l.catchUp(ctx); err != nil {
		return store.Task{}, false, err
	}
	return readOne(ctx, l, scanTask, taskQuery+where, args...)
}

// Request returns the request as sent, secrets masked; nil for a task sent elsewhere.
func (l *Store) Request(ctx context.Context, t store.Task) (json.RawMessage, error) {
	body, _, err := readOne(ctx, l, plain[[]byte], "SELECT request FROM tasks WHERE number = ?", t.Number)
	return body, err
}

// Final returns the result of the task with t's number, from the newest final callback or
// from a poll; nil if there is none.
func (l *Store) Final(ctx context.Context, t store.Task) (*narada.Result, error) {
	if err := l.catchUp(ctx); err != nil {
		return nil, err
	}
	r, _, err := readOne(ctx, l, scanResult, `SELECT result, (SELECT d.body FROM delivery_index i JOIN deliveries d ON d.seq = i.seq WHERE i.request_id = t.request_id AND i.final ORDER BY i.seq DESC LIMIT 1)
		FROM tasks t WHERE number = ?`, t.Number)
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
	if err := l.catchUp(ctx); err != nil {
		return nil, err
	}
	return readAll(ctx, l, scanDelivery, "SELECT "+deliveryColumns+" FROM delivery_index i JOIN deliveries d ON d.seq = i.seq WHERE i.request_id = ? ORDER BY d.seq", t.RequestID)
}

const deliveryColumns = "d.seq, d.received_at, d.final, d.header, d.body"

func scanDelivery(row scanner) (d store.Delivery, err error) {
	err = row.Scan(&d.Seq, timeColumn{&d.ReceivedAt}, &d.Final, headerColumn{&d.Header}, (*[]byte)(&d.Body))
	return d, err
}
