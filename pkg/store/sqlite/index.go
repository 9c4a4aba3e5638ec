package sqlite

import (
	"context"

	"github.com/narada-cli/narada/pkg/store"
)

// indexStep limits the callbacks indexed in one transaction, so that others can write.
const indexStep = 5000

// index indexes new callbacks, and adds rows for tasks that were sent elsewhere. This costs
// more than storing a callback, so it is done later, when the ledger is idle.
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
		`INSERT INTO tasks (dispatched_at, request_id, source, cloud, machine, agent, cloud_session, parent, batch, status, reported_by, finished_at, duration_ms, actions, microcredits, prompt, request)
			SELECT coalesce(o.dispatched_at, received_at), d.request_id, '` + store.SourceCallback + `', coalesce(o.cloud, ''), coalesce(o.machine, ''), o.agent,
				coalesce(o.cloud_session, ''), coalesce(o.parent, ''), o.batch, d.status, 'callback', iif(final, received_at, NULL), d.duration_ms, d.actions, d.microcredits, coalesce(o.prompt, ''), o.request
			FROM deliveries d JOIN indexed LEFT JOIN tasks o ON o.ticket_path = d.ticket_path WHERE ` + some + `
				AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.ticket_path = d.ticket_path AND t.request_id = d.request_id)
			ORDER BY d.seq
			ON CONFLICT (request_id) WHERE request_id IS NOT NULL DO UPDATE SET
				status = excluded.status, reported_by = excluded.reported_by, finished_at = excluded.finished_at, duration_ms = excluded.duration_ms, actions = excluded.actions, microcredits = excluded.microcredits
			WHERE finished_at IS NULL AND ticket_path IS NULL`,
		// Never back: another process may have indexed and pruned.
		"UPDATE indexed SET seq = max(seq, min(seq + ?1, (SELECT coalesce(max(d.seq), indexed.seq) FROM deliveries d)))",
	}, indexStep)
	if err != nil {
		return false, err
	}
	n, err := tx.number(unindexedQuery)
	return n != 0, err
}
