package sqlite

import "context"

// fileStep is how many callbacks are filed in one transaction: others want to
// write.
const fileStep = 5000

// file puts the callbacks that have come into the index, and gives tasks that
// were sent elsewhere their rows. That is not done when a callback comes: it costs
// more than to store it, and can wait for a quiet moment. A task that has a ticket
// of its own is not told of by a callback that showed another; one that shows a
// task's ticket and names another ID is of a second task, since its request was
// accepted twice.
func (l *Store) file(ctx context.Context) error {
	for {
		more, err := l.hasUnfiled(ctx)
		if err != nil || !more {
			return err
		}
		if err = l.writer.put(ctx, &write{do: fileSome}); err != nil {
			return err
		}
	}
}

func (l *Store) hasUnfiled(ctx context.Context) (some bool, err error) {
	err = l.read.QueryRowContext(ctx, "SELECT f.seq < (SELECT coalesce(max(seq), 0) FROM deliveries) FROM filed f").Scan(&some)
	return some, newError(l.path, err)
}

func fileSome(tx transaction) error {
	const some = "d.seq > filed.seq AND d.seq <= filed.seq + ?1"
	for _, statement := range []string{
		"INSERT OR IGNORE INTO delivered SELECT request_id, digest, d.seq, final FROM deliveries d JOIN filed WHERE " + some + " ORDER BY request_id",
		`INSERT INTO tasks (intended, request_id, source, cloud, prompt, body, status, way, finished, took)
			SELECT coalesce(o.intended, received), d.request_id, '` + sourceCallback + `', coalesce(o.cloud, ''), coalesce(o.prompt, ''), o.body,
				d.status, 'callback', iif(final, received, NULL), d.took
			FROM deliveries d JOIN filed LEFT JOIN tasks o ON o.path = d.path WHERE ` + some + `
				AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.path = d.path AND t.request_id = d.request_id)
			ORDER BY d.seq
			ON CONFLICT (request_id) WHERE request_id IS NOT NULL DO UPDATE SET
				status = excluded.status, way = excluded.way, finished = excluded.finished, took = excluded.took
			WHERE finished IS NULL AND path IS NULL`,
		// Never back: another process may have filed and pruned meanwhile.
		"UPDATE filed SET seq = max(seq, min(seq + ?1, (SELECT coalesce(max(d.seq), filed.seq) FROM deliveries d)))",
	} {
		if _, err := tx.exec(statement, fileStep); err != nil {
			return err
		}
	}
	return nil
}
