package sqlite

import (
	"context"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// indexStep limits the callbacks indexed in one transaction, so that others can write.
const indexStep = 5000

// index adds new callbacks to the index and to the events of their tasks, and adds rows
// for tasks that were sent elsewhere. This costs more than storing a callback, so it is
// done later, when the ledger is idle.
func (l *Store) index(ctx context.Context) error {
	more, err := l.hasUnindexed(ctx)
	for more && err == nil {
		err = l.writer.put(ctx, &write{do: func(tx transaction) (err error) {
			more, err = indexSome(tx)
			return err
		}})
	}
	return err
}

const unindexedQuery = "SELECT i.seq < (SELECT coalesce(max(seq), 0) FROM deliveries) FROM indexed i"

func (l *Store) hasUnindexed(ctx context.Context) (some bool, err error) {
	some, _, err = readOne(ctx, l, plain[bool], unindexedQuery)
	return some, err
}

// indexSome indexes the next callbacks, and reports whether there are more. A callback
// cannot update a task that has another ticket. One that shows a task's ticket with
// another request ID is of a second task: the request was accepted twice.
func indexSome(tx transaction) (more bool, err error) {
	const some = "d.seq > indexed.seq AND d.seq <= indexed.seq + ?1"
	err = tx.runAll([]string{
		"INSERT OR IGNORE INTO delivery_index SELECT request_id, digest, d.seq, final FROM deliveries d JOIN indexed WHERE " + some + " ORDER BY request_id",
		`INSERT INTO tasks (dispatched_at, request_id, source, cloud, machine, agent, cloud_session, parent, batch, status, reported_by, finished_at, duration_ms, prompt, request)
			SELECT coalesce(o.dispatched_at, received_at), d.request_id, '` + store.SourceCallback + `', coalesce(o.cloud, ''), coalesce(o.machine, ''), o.agent,
				coalesce(o.cloud_session, ''), coalesce(o.parent, ''), o.batch, d.status, 'callback', iif(final, received_at, NULL), d.duration_ms, coalesce(o.prompt, ''), o.request
			FROM deliveries d JOIN indexed LEFT JOIN tasks o ON o.ticket_path = d.ticket_path WHERE ` + some + `
				AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.ticket_path = d.ticket_path AND t.request_id = d.request_id)
			ORDER BY d.seq
			ON CONFLICT (request_id) WHERE request_id IS NOT NULL DO UPDATE SET
				status = excluded.status, reported_by = excluded.reported_by, finished_at = excluded.finished_at, duration_ms = excluded.duration_ms
			WHERE finished_at IS NULL AND ticket_path IS NULL`,
		`INSERT INTO events (task, at, kind, detail)
			SELECT t.number, d.received_at, '` + string(store.EventDelivered) + `', json_object('seq', d.seq, 'status', d.status, 'final', json(iif(d.final, 'true', 'false')))
			FROM deliveries d JOIN indexed JOIN tasks t ON t.request_id = d.request_id WHERE ` + some + " ORDER BY d.seq",
	}, indexStep)
	if err == nil {
		err = indexQuestions(tx, some)
	}
	if err == nil { // never back: another process may have indexed and pruned
		err = tx.run("UPDATE indexed SET seq = max(seq, min(seq + ?1, (SELECT coalesce(max(d.seq), indexed.seq) FROM deliveries d)))", indexStep)
	}
	if err != nil {
		return false, err
	}
	n, err := tx.number(unindexedQuery)
	return n != 0, err
}

// indexQuestions adds the events of callbacks that ask a person.
func indexQuestions(tx transaction, some string) error {
	rows, err := tx.query("SELECT t.number, d.received_at, d.body FROM deliveries d JOIN indexed JOIN tasks t ON t.request_id = d.request_id WHERE "+some+" AND NOT d.final AND d.status = ?2 ORDER BY d.seq",
		indexStep, string(narada.StatusInputRequired))
	if err != nil {
		return err
	}
	var add []func() error // run after the rows are closed
	err = eachRow(rows, func() error {
		var task int64
		var received time.Time
		var body []byte
		if err := rows.Scan(&task, timeColumn{&received}, &body); err != nil {
			return err
		}
		result, _, err := narada.ParseCallback(body)
		add = append(add, func() error { return tx.personAsked(task, received, result) })
		return err
	})
	for _, add := range add {
		if err == nil {
			err = add()
		}
	}
	return err
}
