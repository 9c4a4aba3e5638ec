package sqlite

import (
	"database/sql"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

func (t transaction) intend(op *store.Intend) error {
	digest := ""
	if op.Ticket.Path != "" {
		digest = op.Ticket.Digest()
	}
	var err error
	op.Number, err = t.number(`INSERT INTO tasks (dispatched_at, source, cloud, machine, agent, cloud_session, parent, batch, ticket_path, ticket_digest, status, prompt, request)
		VALUES (?,?,?,?,nullif(?, ''),?,?,nullif(?, 0),nullif(?, ''),nullif(?, ''),?,?,?) RETURNING number`,
		milliseconds(op.At), op.Source, op.Cloud, op.Machine, op.Agent, op.CloudSession, op.Parent, op.Item.Batch, op.Ticket.Path, digest, store.StatusUnknown, op.Prompt, []byte(op.Body))
	if err != nil {
		return err
	}
	if err := t.addEvent(op.Number, op.At, store.EventDispatched, store.EventDetail{}); err != nil {
		return err
	}
	return t.insertItem(op.Item, op.Number)
}

func (t transaction) accept(op *store.Accept) error {
	// A callback may have arrived first, at a shared address.
	other, err := t.number(`SELECT number FROM tasks WHERE request_id = ?1 AND source = ?2 AND number <> ?3
		AND EXISTS (SELECT 1 FROM tasks WHERE number = ?3 AND request_id IS NULL)`, op.RequestID, store.SourceCallback, op.Task)
	if err != nil {
		return err
	}
	if other != 0 {
		if err := t.join(op.Task, other); err != nil {
			return err
		}
	}
	reused, err := t.number(`SELECT number FROM tasks WHERE request_id = ?1 AND number <> ?2
		AND EXISTS (SELECT 1 FROM tasks WHERE number = ?2 AND request_id IS NULL)`, op.RequestID, op.Task)
	if err == nil && reused != 0 {
		err = &store.ReusedIDError{RequestID: op.RequestID, Task: reused}
	}
	if err != nil {
		return err
	}
	if err := t.run(`UPDATE tasks SET request_id = ?2, status = iif(status IN (?3, ?4), ?5, status), finished_at = iif(status = ?4, NULL, finished_at), failure = ''
		WHERE number = ?1 AND request_id IS NULL`, op.Task, op.RequestID, store.StatusUnknown, store.StatusRefused, narada.StatusPending); err != nil {
		return err
	}
	unknown, err := t.exists(`SELECT 1 FROM tasks WHERE number = ?1 AND request_id = ?2
		AND NOT EXISTS (SELECT 1 FROM events WHERE task = ?1 AND kind = ?3)`, op.Task, op.RequestID, store.EventAccepted)
	if !unknown || err != nil {
		return err
	}
	return t.addEvent(op.Task, op.At, store.EventAccepted, store.EventDetail{RequestID: op.RequestID})
}

// unfinished is true of a task that has no result. A refused one may have been accepted
// all the same.
const unfinished = "(tasks.finished_at IS NULL OR tasks.status = '" + string(store.StatusRefused) + "')"

// join merges the other task into task.
func (t transaction) join(task, other int64) error {
	return t.runAll([]string{
		`UPDATE tasks SET status = o.status, reported_by = o.reported_by, finished_at = o.finished_at, duration_ms = o.duration_ms, actions = o.actions, microcredits = o.microcredits, result = o.result
			FROM tasks o WHERE tasks.number = ?1 AND o.number = ?2 AND ` + unfinished,
		"UPDATE events SET task = ?1 WHERE task = ?2",
		"DELETE FROM tasks WHERE number = ?2 AND number <> ?1",
	}, task, other)
}

func (t transaction) acceptTwice(op *store.AcceptTwice) error {
	known, err := t.exists("SELECT 1 FROM tasks WHERE request_id = ? AND source <> ?", op.RequestID, store.SourceCallback)
	if known || err != nil {
		return err
	}
	second, err := t.number(`INSERT INTO tasks (dispatched_at, source, cloud, machine, agent, cloud_session, parent, batch, status, prompt, request)
		SELECT dispatched_at, source, cloud, machine, agent, cloud_session, parent, batch, ?, prompt, request FROM tasks WHERE number = ? RETURNING number`, store.StatusUnknown, op.Task)
	if second == 0 || err != nil { // the first was pruned
		return err
	}
	if err := t.addEvent(op.Task, op.At, store.EventAcceptedTwice, store.EventDetail{RequestID: op.RequestID}); err != nil {
		return err
	}
	return t.accept(&store.Accept{Task: second, RequestID: op.RequestID, At: op.At})
}

func (t transaction) refuse(op *store.Refuse) error {
	changed, err := t.change("UPDATE tasks SET status = ?, finished_at = ?, failure = ? WHERE number = ? AND finished_at IS NULL AND request_id IS NULL",
		store.StatusRefused, milliseconds(op.At), op.Failure, op.Task)
	if changed == 0 || err != nil {
		return err
	}
	return t.addEvent(op.Task, op.At, store.EventRefused, store.EventDetail{Failure: op.Failure})
}

func (t transaction) retry(op *store.Retry) error {
	changed, err := t.change("UPDATE tasks SET status = ?, finished_at = NULL, failure = '' WHERE number = ? AND status = ? AND request_id IS NULL",
		store.StatusUnknown, op.Task, store.StatusRefused)
	if changed == 0 || err != nil {
		return err
	}
	return t.addEvent(op.Task, op.At, store.EventDispatched, store.EventDetail{})
}

func (t transaction) poll(op *store.Poll) error {
	r := op.Result
	task, err := t.number("SELECT number FROM tasks WHERE request_id = ? AND finished_at IS NULL", r.RequestID)
	if err != nil {
		return err
	}
	changed := task
	switch {
	case r.Final():
		actions, microcredits := engine.Used(r)
		err = t.run("UPDATE tasks SET status = ?, reported_by = 'poll', finished_at = ?, duration_ms = ?, actions = ?, microcredits = ?, result = ? WHERE number = ?",
			r.Status, milliseconds(op.At), r.Duration().Milliseconds(), actions, microcredits, []byte(r.Raw()), task)
	case task != 0:
		changed, err = t.change("UPDATE tasks SET status = ?1 WHERE number = ?2 AND status <> ?1", r.Status, task)
	}
	if changed != 0 && err == nil {
		err = t.addEvent(task, op.At, store.EventPolled, store.EventDetail{Status: r.Status, Final: r.Final()})
	}
	if task == 0 || err != nil {
		return err
	}
	return t.personAsked(task, op.At, r)
}

// noteTask updates the task whose ticket the callback showed. Other tasks are updated by
// indexing: those sent elsewhere, or of a request that was accepted twice.
func (l *Store) noteTask(tx transaction, d *engine.Delivery) error {
	r := d.Op.Result
	if _, shared := l.tickets.Shared(d.Op.Ticket.Path); shared {
		return nil
	}
	actions, microcredits := engine.Used(r)
	finished := sql.NullInt64{Int64: milliseconds(d.Op.ReceivedAt), Valid: r.Final()}
	return tx.run(`UPDATE tasks SET status = ?2, reported_by = 'callback', finished_at = ?3, duration_ms = ?4, actions = ?6, microcredits = ?7, failure = '',
			request_id = iif(request_id IS NULL AND NOT EXISTS (SELECT 1 FROM tasks o WHERE o.request_id = ?5), ?5, request_id)
		WHERE ticket_path = ?1 AND `+unfinished+` AND (request_id IS NULL OR request_id = ?5)`,
		d.Op.Ticket.Path, string(r.Status), finished, r.Duration().Milliseconds(), r.RequestID, actions, microcredits)
}
