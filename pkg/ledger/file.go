package ledger

import "context"

// fileStep is how many callbacks are filed in one transaction: others want to
// write.
const fileStep = 5000

// file puts the callbacks that have come into the index, and gives tasks that
// were sent elsewhere their rows. That is not done when a callback comes: it costs
// more than to store it, and can wait for a quiet moment. A task that has a ticket
// of its own is not told of by a callback that showed another.
func (l *Ledger) file(ctx context.Context) error {
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

func (l *Ledger) hasUnfiled(ctx context.Context) (some bool, err error) {
	err = l.read.QueryRowContext(ctx, "SELECT f.seq < (SELECT coalesce(max(seq), 0) FROM deliveries) FROM filed f").Scan(&some)
	return some, newError(l.path, err)
}

func fileSome(tx transaction) error {
	const some = "FROM deliveries d, filed WHERE d.seq > filed.seq AND d.seq <= filed.seq + ?1"
	for _, statement := range []string{
		"INSERT OR IGNORE INTO delivered SELECT request_id, digest, d.seq, final " + some + " ORDER BY request_id",
		`INSERT INTO tasks (intended, request_id, source, status, way, finished, took)
			SELECT received, request_id, '` + sourceCallback + `', status, 'callback', iif(final, received, NULL), took ` + some + `
				AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.path = d.path)
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
