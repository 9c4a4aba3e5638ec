package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

const taskColumns = "number, coalesce(request_id, ''), source, cloud, prompt, status, way, intended, coalesce(finished, 0), took, failure, coalesce(path, '')"

// forwardedColumn is Task.Forwarded of the task t.
const forwardedColumn = `coalesce((SELECT state FROM forwards f WHERE f.request_id = t.request_id ORDER BY state = 'failed' DESC, state = 'waiting' DESC LIMIT 1), '')`

// taskPage is how many tasks are read at once.
const taskPage = 100

// Tasks calls yield for the tasks that are wanted, the newest first, until it
// returns an error, which Tasks returns. Another error is an *Error. Nothing is
// being read while yield runs, which may take its time.
func (l *Store) Tasks(ctx context.Context, q store.Query, yield func(store.Task) error) error {
	if err := l.catchUp(ctx); err != nil {
		return err
	}
	count := 0
	for below := int64(math.MaxInt64); ; {
		size := taskPage
		if q.Grep == nil && q.Limit > 0 {
			size = min(size, q.Limit-count)
		}
		page, err := l.taskPage(ctx, q, below, size)
		if err != nil {
			return newError(l.path, err)
		}
		for _, t := range page {
			if q.Grep != nil && !q.Grep.MatchString(t.Prompt) && !q.Grep.MatchString(t.RequestID) {
				continue
			}
			if err := yield(t); err != nil {
				return err
			}
			if count++; count == q.Limit {
				return nil
			}
		}
		if len(page) < size {
			return nil
		}
		below = page[len(page)-1].Number
	}
}

// taskPage reads the next tasks below that number; fewer than size are the last.
func (l *Store) taskPage(ctx context.Context, q store.Query, below int64, size int) ([]store.Task, error) {
	where, args := []string{"number < ?"}, []any{below}
	if q.Status != "" {
		where, args = append(where, "status = ?"), append(args, q.Status)
	}
	if q.Open {
		where = append(where, "finished IS NULL")
	}
	if q.Failed {
		where = append(where, "request_id IN (SELECT request_id FROM forwards WHERE state = 'failed')")
	}
	if !q.Since.IsZero() {
		where, args = append(where, "intended >= ?"), append(args, milliseconds(q.Since))
	}
	if !q.Heard.IsZero() {
		where, args = append(where, heardSince), append(args, milliseconds(q.Heard))
	}
	rows, err := l.read.QueryContext(ctx, fmt.Sprintf("SELECT %s, %s FROM tasks t WHERE %s ORDER BY number DESC LIMIT %d", taskColumns, forwardedColumn, strings.Join(where, " AND "), size), args...)
	if err != nil {
		return nil, err
	}
	var page []store.Task
	err = eachRow(rows, func() error {
		var forwarded store.ForwardState
		t, err := scanTask(rows, &forwarded)
		t.Forwarded = forwarded
		page = append(page, t)
		return err
	})
	return page, err
}

// heardSince is that a callback of the task has come since.
const heardSince = "EXISTS (SELECT 1 FROM delivered i JOIN deliveries d ON d.seq = i.seq WHERE i.request_id = t.request_id AND d.received >= ?)"

type scanner interface{ Scan(...any) error }

func scanTask(row scanner, more ...any) (store.Task, error) {
	var t store.Task
	var intended, finished, took int64
	err := row.Scan(append([]any{&t.Number, &t.RequestID, &t.Source, &t.Cloud, &t.Prompt, &t.Status, &t.Way, &intended, &finished, &took, &t.Failure, &t.TicketPath}, more...)...)
	t.DispatchedAt, t.Took = fromMilliseconds(intended), time.Duration(took)*time.Millisecond
	if finished != 0 {
		t.FinishedAt = fromMilliseconds(finished)
	}
	return t, err
}

// catchUp files what others have stored meanwhile, so that it is found. Where
// nothing can be written, what was filed before is.
func (l *Store) catchUp(ctx context.Context) error {
	if err := l.file(ctx); err != nil && !cannotWrite(err) {
		return err
	}
	return nil
}

// Task returns the task with that request ID.
func (l *Store) Task(ctx context.Context, id string) (t store.Task, ok bool, err error) {
	return l.task(ctx, "WHERE request_id = ?", id)
}

// Numbered returns the task with that number.
func (l *Store) Numbered(ctx context.Context, number int64) (t store.Task, ok bool, err error) {
	return l.task(ctx, "WHERE number = ?", number)
}

// Newest returns the newest task that has a request ID.
func (l *Store) Newest(ctx context.Context) (t store.Task, ok bool, err error) {
	return l.task(ctx, "WHERE request_id IS NOT NULL ORDER BY number DESC LIMIT 1")
}

func (l *Store) task(ctx context.Context, where string, args ...any) (store.Task, bool, error) {
	if err := l.catchUp(ctx); err != nil {
		return store.Task{}, false, err
	}
	var forwarded store.ForwardState
	t, err := scanTask(l.read.QueryRowContext(ctx, "SELECT "+taskColumns+", "+forwardedColumn+" FROM tasks t "+where, args...), &forwarded)
	t.Forwarded = forwarded
	if errors.Is(err, sql.ErrNoRows) {
		return store.Task{}, false, nil
	}
	return t, err == nil, newError(l.path, err)
}

// Request returns the request that was sent, secrets masked; nil for a task that
// was sent elsewhere.
func (l *Store) Request(ctx context.Context, t store.Task) (json.RawMessage, error) {
	var body []byte
	err := l.read.QueryRowContext(ctx, "SELECT body FROM tasks WHERE number = ?", t.Number).Scan(&body)
	return body, newError(l.path, err)
}

// Final returns the task's result: of the newest final callback, or what a poll
// has told. nil: there is none.
func (l *Store) Final(ctx context.Context, t store.Task) (*narada.Result, error) {
	if err := l.catchUp(ctx); err != nil {
		return nil, err
	}
	var polled, delivered []byte
	err := l.read.QueryRowContext(ctx, `SELECT result, (SELECT d.body FROM delivered i JOIN deliveries d ON d.seq = i.seq WHERE i.request_id = t.request_id AND i.final ORDER BY i.seq DESC LIMIT 1)
		FROM tasks t WHERE number = ?`, t.Number).Scan(&polled, &delivered)
	var r *narada.Result
	switch {
	case err != nil:
	case delivered != nil:
		r, _, err = narada.ParseCallback(delivered)
	case polled != nil:
		r, err = narada.ParseResult(polled)
	}
	return r, newError(l.path, err)
}

// Deliveries returns the task's callbacks, the oldest first.
func (l *Store) Deliveries(ctx context.Context, t store.Task) ([]store.Delivery, error) {
	if err := l.catchUp(ctx); err != nil {
		return nil, err
	}
	rows, err := l.read.QueryContext(ctx, "SELECT "+deliveryColumns+" FROM delivered i JOIN deliveries d ON d.seq = i.seq WHERE i.request_id = ? ORDER BY d.seq", t.RequestID)
	if err != nil {
		return nil, newError(l.path, err)
	}
	var list []store.Delivery
	err = eachRow(rows, func() error {
		d, err := scanDelivery(rows)
		list = append(list, d)
		return err
	})
	return list, newError(l.path, err)
}

const deliveryColumns = "d.seq, d.received, d.final, d.header, d.body"

func scanDelivery(row scanner) (d store.Delivery, err error) {
	var received int64
	var header string
	if err := row.Scan(&d.Seq, &received, &d.Final, &header, (*[]byte)(&d.Body)); err != nil {
		return d, err
	}
	d.ReceivedAt = fromMilliseconds(received)
	d.Header, err = decodeHeader(header)
	return d, err
}
