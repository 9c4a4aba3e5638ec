package sqlite

import (
	"slices"
	"strings"

	"github.com/narada-cli/narada/pkg/store/engine"
)

// insertDeliveries stores the deliveries that are not repeats, updates their tasks, and
// returns them in order.
func (l *Store) insertDeliveries(tx transaction, deliveries []*engine.Delivery) ([]*engine.Delivery, error) {
	if len(deliveries) == 0 {
		return nil, nil
	}
	l.busy.Store(true)
	l.toIndex.Store(true)
	fresh, err := l.pickNew(tx, deliveries)
	if err != nil {
		return nil, err
	}
	if err := insertAll(tx, fresh); err != nil {
		return nil, err
	}
	for _, d := range fresh {
		if err := l.noteTask(tx, d); err != nil {
			return nil, err
		}
		if err := tx.insertForwards(d); err != nil {
			return nil, err
		}
	}
	return fresh, nil
}

// pickNew numbers and returns the deliveries that are not repeats.
func (l *Store) pickNew(tx transaction, deliveries []*engine.Delivery) ([]*engine.Delivery, error) {
	if err := l.unindexed.refresh(tx); err != nil {
		return nil, err
	}
	indexed, err := tx.indexedCallbacks(deliveries)
	if err != nil {
		return nil, err
	}
	var fresh []*engine.Delivery
	for _, d := range deliveries {
		before, newest := indexed[d.ID], l.unindexed.byID[d.ID]
		digests := slices.Concat(before.digests, newest.digests)
		d.Op.IsNew = !slices.Contains(digests, d.Digest)
		if !d.Op.IsNew {
			continue
		}
		d.Seq, d.Ended = l.unindexed.last+1, before.final || newest.final
		l.unindexed.add(d.Seq, d.ID, d.Digest, d.Op.Result.Final())
		fresh = append(fresh, d)
	}
	return fresh, nil
}

// insertAll stores deliveries in groups of fixed sizes, to need few prepared statements.
func insertAll(tx transaction, deliveries []*engine.Delivery) error {
	const row = "(?,?,?,?,?,?,?,?,?,?,?,?)"
	for _, size := range []int{64, 16, 4, 1} {
		for ; len(deliveries) >= size; deliveries = deliveries[size:] {
			args := make([]any, 0, len(row)/2*size)
			for _, d := range deliveries[:size] {
				r := d.Op.Result
				actions, microcredits := engine.Used(r)
				args = append(args, d.Seq, milliseconds(d.Op.ReceivedAt), d.ID, d.Digest[:], d.Op.Ticket.Path,
					string(r.Status), r.Final(), r.Duration().Milliseconds(), actions, microcredits, d.Header, d.Body)
			}
			// There is no constraint to violate. OR IGNORE spares SQLite a statement journal.
			if err := tx.run("INSERT OR IGNORE INTO deliveries (seq, received_at, request_id, digest, ticket_path, status, final, duration_ms, actions, microcredits, header, body) VALUES "+
				row+strings.Repeat(","+row, size-1), args...); err != nil {
				return err
			}
		}
	}
	return nil
}
