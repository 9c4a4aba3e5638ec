package sqlite

import (
	"context"
	"encoding/json"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// addEvent adds an event to those of the task with that number.
func (t transaction) addEvent(task int64, at time.Time, kind store.EventKind, detail store.EventDetail) error {
	text, err := json.Marshal(detail.Bounded())
	if err != nil {
		return err
	}
	return t.run("INSERT INTO events (task, at, kind, detail) VALUES (?,?,?,?)", task, milliseconds(at), kind, string(text))
}

// personAsked adds that a person is asked, where a poll says so that has not before.
func (t transaction) personAsked(task int64, at time.Time, r *narada.Result) error {
	detail, asked := store.QuestionOf(r)
	if !asked {
		return nil
	}
	known, err := t.exists("SELECT 1 FROM events WHERE task = ? AND kind = ? AND coalesce(detail ->> 'inputId', '') = ?", task, store.EventPersonAsked, detail.InputID)
	if known || err != nil {
		return err
	}
	return t.addEvent(task, at, store.EventPersonAsked, detail)
}

// forwardEvent adds an attempt to forward a callback to the events of its task.
func (t transaction) forwardEvent(seq int64, at time.Time, detail store.EventDetail) error {
	const query = "SELECT t.number FROM tasks t JOIN deliveries d ON d.request_id = t.request_id WHERE d.seq = ?"
	task, err := t.number(query, seq)
	for more := true; more && task == 0 && err == nil; { // it was sent elsewhere, and has no row yet
		if more, err = indexSome(t); err == nil {
			task, err = t.number(query, seq)
		}
	}
	if task == 0 || err != nil {
		return err
	}
	detail.Seq = seq
	return t.addEvent(task, at, store.EventForwardAttempted, detail)
}

// Events returns what has happened to the task, the oldest first. What its callbacks tell
// is read from them: to write it once more would slow each of them.
func (l *Store) Events(ctx context.Context, t store.Task) ([]store.Event, error) {
	deliveries, err := l.Deliveries(ctx, t)
	if err != nil {
		return nil, err
	}
	list, err := readAll(ctx, l, scanEvent, "SELECT number, task, at, kind, detail FROM events WHERE task = ? ORDER BY number", t.Number)
	if err != nil {
		return nil, err
	}
	list, err = store.Timeline(t, list, deliveries)
	return list, newError(l.path, err)
}

func scanEvent(row scanner) (e store.Event, err error) {
	var at int64
	var detail []byte
	if err := row.Scan(&e.Number, &e.Task, &at, &e.Kind, &detail); err != nil {
		return e, err
	}
	e.At = fromMilliseconds(at)
	return e, json.Unmarshal(detail, &e.EventDetail)
}
