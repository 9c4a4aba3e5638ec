package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Intend writes down that the tasks are about to be sent, and returns their
// numbers in the ledger. It must have succeeded before they are. The error is an
// *Error.
func (l *Store) Intend(ctx context.Context, intents []store.Intent) ([]int64, error) {
	numbers := make([]int64, len(intents))
	err := l.writer.put(ctx, &write{do: func(tx transaction) error {
		for i, intent := range intents {
			path := sql.NullString{String: intent.Ticket.Path, Valid: intent.Ticket.Path != ""}
			seal := sql.NullString{String: intent.Ticket.Digest(), Valid: path.Valid}
			r, err := tx.exec("INSERT INTO tasks (intended, source, cloud, prompt, path, seal, status, body) VALUES (?,?,?,?,?,?,?,?)",
				milliseconds(intent.At), intent.Source, intent.Cloud, intent.Prompt, path, seal, store.StatusUnknown, []byte(intent.Body))
			if err != nil {
				return err
			}
			if numbers[i], err = r.LastInsertId(); err != nil {
				return err
			}
			if err := insertItem(tx, intent.Item, numbers[i]); err != nil {
				return err
			}
		}
		return nil
	}})
	if err != nil {
		return nil, err
	}
	for _, intent := range intents {
		if intent.Ticket.Path != "" {
			l.remember(intent.Ticket)
		}
	}
	return numbers, nil
}

// Accepted writes down the request ID that the cloud has given the task with that
// number.
func (l *Store) Accepted(ctx context.Context, number int64, id string) error {
	return l.writer.put(ctx, &write{do: func(tx transaction) error { return tx.accepted(number, id) }})
}

// AcceptedTwice writes down another task that came of the same request, with its own
// request ID. It has no ticket of its own.
func (l *Store) AcceptedTwice(ctx context.Context, number int64, id string) error {
	return l.writer.put(ctx, &write{do: func(tx transaction) error {
		r, err := tx.exec("INSERT INTO tasks (intended, source, cloud, prompt, status, body) SELECT intended, source, cloud, prompt, ?, body FROM tasks WHERE number = ?", store.StatusUnknown, number)
		if err != nil {
			return err
		}
		second, err := r.LastInsertId()
		if err != nil {
			return err
		}
		return tx.accepted(second, id)
	}})
}

func (t transaction) accepted(number int64, id string) error {
	known, err := t.exists("SELECT 1 FROM tasks WHERE request_id = ?", id)
	if err != nil {
		return err
	}
	if !known {
		return t.name(number, id)
	}
	// A callback may have come first, at an address that is not this task's own.
	if _, err := t.exec(`UPDATE tasks SET status = o.status, way = o.way, finished = o.finished, took = o.took
		FROM tasks o WHERE tasks.number = ?1 AND tasks.request_id IS NULL AND o.request_id = ?2 AND o.source = ?3`, number, id, sourceCallback); err != nil {
		return err
	}
	if _, err := t.exec(`DELETE FROM tasks WHERE request_id = ?2 AND source = ?3 AND number <> ?1
		AND EXISTS (SELECT 1 FROM tasks t WHERE t.number = ?1 AND t.request_id IS NULL)`, number, id, sourceCallback); err != nil {
		return err
	}
	return t.name(number, id)
}

// name gives the task its request ID, unless it has one.
func (t transaction) name(number int64, id string) error {
	_, err := t.exec("UPDATE tasks SET request_id = ?2, status = iif(status = ?3, ?4, status) WHERE number = ?1 AND request_id IS NULL",
		number, id, store.StatusUnknown, narada.StatusPending)
	return err
}

// Refused writes down that the task with that number was not accepted; failure is
// why it never will be, "" when it may be another time.
func (l *Store) Refused(ctx context.Context, number int64, failure string, at time.Time) error {
	return l.writer.put(ctx, &write{do: func(tx transaction) error {
		_, err := tx.exec("UPDATE tasks SET status = ?, finished = ?, failure = ? WHERE number = ? AND finished IS NULL AND request_id IS NULL",
			store.StatusRefused, milliseconds(at), failure, number)
		return err
	}})
}

// Polled writes down what a status call told of a task. A task that is not in the
// ledger stays out of it.
func (l *Store) Polled(ctx context.Context, r *narada.Result, at time.Time) error {
	return l.writer.put(ctx, &write{do: func(tx transaction) error {
		if !r.Final() {
			_, err := tx.exec("UPDATE tasks SET status = ?1 WHERE request_id = ?2 AND finished IS NULL AND status <> ?1", r.Status, r.RequestID)
			return err
		}
		if _, err := tx.exec("UPDATE tasks SET status = ?, way = 'poll', finished = ?, took = ?, result = ? WHERE request_id = ? AND finished IS NULL",
			r.Status, milliseconds(at), r.Duration().Milliseconds(), []byte(r.Raw()), r.RequestID); err != nil {
			return err
		}
		return l.blank(tx, "", r.RequestID)
	}})
}

// sourceCallback is the source of a task that was dispatched elsewhere, and whose
// callback came here.
const sourceCallback = "callback"

// noteTask writes down what a callback tells of the task whose ticket it showed.
// What it tells of another is filed later: of one that was sent elsewhere, or that
// came of the same request, which was accepted twice.
func (l *Store) noteTask(tx transaction, a *arrival) error {
	if l.isShared(a.Ticket.Path) {
		return nil
	}
	finished := sql.NullInt64{Int64: milliseconds(a.ReceivedAt), Valid: a.Result.Final()}
	_, err := tx.exec(`UPDATE tasks SET status = ?2, way = 'callback', finished = ?3, took = ?4,
			request_id = iif(request_id IS NULL AND NOT EXISTS (SELECT 1 FROM tasks o WHERE o.request_id = ?5), ?5, request_id)
		WHERE path = ?1 AND finished IS NULL AND (request_id IS NULL OR request_id = ?5)`, a.Ticket.Path, string(a.Result.Status), finished, a.Result.Duration().Milliseconds(), a.id)
	return err
}

// mostTickets is how many tickets are remembered.
const mostTickets = 10_000

func (l *Store) remember(t webhook.Ticket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.tickets) >= mostTickets {
		clear(l.tickets)
	}
	l.tickets[t.Path] = t
}

// Share says that path is not one task's alone: whoever knows what to show there
// may send callbacks for tasks that were dispatched elsewhere.
func (l *Store) Share(path string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shared[path] = true
}

func (l *Store) isShared(path string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shared[path]
}

// Ticket implements webhook.Book: the tickets of all tasks in the ledger,
// whichever process has dispatched them. Those of tasks that have finished are
// good for what comes again.
func (l *Store) Ticket(ctx context.Context, path string) (webhook.Ticket, bool, error) {
	l.mu.Lock()
	t, ok := l.tickets[path]
	l.mu.Unlock()
	if ok {
		return t, true, nil
	}
	var seal string
	err := l.read.QueryRowContext(ctx, "SELECT seal FROM tasks WHERE path = ?", path).Scan(&seal)
	if errors.Is(err, sql.ErrNoRows) {
		return webhook.Ticket{}, false, nil
	}
	if err == nil {
		t, err = webhook.ParseDigest(path, seal)
	}
	if err != nil {
		return webhook.Ticket{}, false, newError(l.path, err)
	}
	l.remember(t)
	return t, true, nil
}
