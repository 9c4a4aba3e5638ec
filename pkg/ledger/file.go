package ledger

import "context"

// fileStep is how many callbacks are filed in one transaction: others want to
// write.
const fileStep = 1000

// file gives tasks that were sent elsewhere, and whose callbacks came here, their
// rows. That is not done when a callback comes: it costs as much as storing it,
// and can wait for a quiet moment.
func (l *Ledger) file(ctx context.Context) error {
	for {
		var more bool
		err := l.writer.put(ctx, &write{do: func(tx transaction) (err error) {
			more, err = fileSome(tx)
			return err
		}})
		if err != nil || !more {
			return err
		}
	}
}

func fileSome(tx transaction) (more bool, err error) {
	if _, err := tx.exec(`INSERT INTO tasks (intended, request_id, source, status, way, finished, took)
		SELECT received, request_id, ?1, status, 'callback', iif(final, received, NULL), took
		FROM deliveries d, filed WHERE d.seq > filed.seq AND d.seq <= filed.seq + ?2
			AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.path = d.path)
		ORDER BY d.seq
		ON CONFLICT (request_id) WHERE request_id IS NOT NULL DO UPDATE SET
			status = excluded.status, way = excluded.way, finished = excluded.finished, took = excluded.took,
			proof = iif(excluded.finished IS NULL, proof, NULL)
		WHERE finished IS NULL`, sourceCallback, fileStep); err != nil {
		return false, err
	}
	if _, err := tx.exec("UPDATE filed SET seq = min(seq + ?, (SELECT coalesce(max(seq), 0) FROM deliveries))", fileStep); err != nil {
		return false, err
	}
	rows, err := tx.query("SELECT f.seq < (SELECT coalesce(max(seq), 0) FROM deliveries) FROM filed f")
	if err != nil {
		return false, err
	}
	err = eachRow(rows, func() error { return rows.Scan(&more) })
	return more, err
}
