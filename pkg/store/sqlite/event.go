package sqlite

import (
	"context"
	"encoding/json"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// addEvent adds an event to a task.
func (t transaction) addEvent(task int64, at time.Time, kind store.EventKind, detail store.EventDetail) error {
	text, err := json.Marshal(detail.Bounded())
	if err != nil {
		return err
	}
	return t.run("INSERT INTO events (task, at, kind, detail) VALUES (?,?,?,?)", task, milliseconds(at), kind, string(text))
}

// personAsked adds an event if a poll reports a new question to a person.
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

// Events returns the events of the task, oldest first. Those of its callbacks are derived
// from them: storing them too would slow each callback.
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
	var detail []byte
	if err := row.Scan(&e.Number, &e.Task, timeColumn{&e.At}, &e.Kind, &detail); err != nil {
		return e, err
	}
	return e, json.Unmarshal(detail, &e.EventDetail)
}
