package sqlite

import (
	"bufio"
	"crypto/sha256"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
)

// delivery is a callback to be stored.
type delivery struct {
	op     *store.Deliver
	id     string            // request ID
	digest [sha256.Size]byte // of the body as received
	header string            // masked
	body   []byte            // masked, its secret null

	// Set by the writer.
	seq            int64
	earlier, ended bool // the task has an earlier callback, an earlier final one
}

func newDelivery(op *store.Deliver, mask func(string) string) (*delivery, error) {
	body, err := op.Result.BodyWithSecret("")
	if err != nil {
		return nil, err
	}
	header := encodeHeader(secret.MaskHeader(op.Header, op.Ticket.Header, mask))
	return &delivery{op: op, id: op.Result.RequestID, digest: sha256.Sum256(op.Body), header: header, body: body}, nil
}

func (d *delivery) entry() store.Entry {
	return store.Entry{Seq: d.seq, Path: d.op.Ticket.Path, ReceivedAt: d.op.ReceivedAt, Result: d.op.Result, Further: d.ended}
}

// encodeHeader returns the header in HTTP/1.1 format.
func encodeHeader(header http.Header) string {
	var b strings.Builder
	_ = header.Write(&b) // a Builder does not fail
	return b.String()
}

// decodeHeader is the reverse of encodeHeader. The error is a *store.DamagedError.
func decodeHeader(text string) (http.Header, error) {
	header, err := textproto.NewReader(bufio.NewReader(strings.NewReader(text + "\r\n"))).ReadMIMEHeader()
	if err != nil {
		return nil, &store.DamagedError{Err: err}
	}
	return http.Header(header), nil
}

// insertDeliveries stores the deliveries that are not repeats, updates their tasks, and
// returns them in order.
func (l *Store) insertDeliveries(tx transaction, deliveries []*delivery) ([]*delivery, error) {
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
func (l *Store) pickNew(tx transaction, deliveries []*delivery) ([]*delivery, error) {
	if err := l.unindexed.refresh(tx); err != nil {
		return nil, err
	}
	indexed, err := tx.indexedCallbacks(deliveries)
	if err != nil {
		return nil, err
	}
	var fresh []*delivery
	for _, d := range deliveries {
		before, newest := indexed[d.id], l.unindexed.byID[d.id]
		digests := slices.Concat(before.digests, newest.digests)
		d.op.IsNew = !slices.Contains(digests, d.digest)
		if !d.op.IsNew {
			continue
		}
		d.seq, d.earlier, d.ended = l.unindexed.last+1, len(digests) > 0, before.final || newest.final
		l.unindexed.add(d.seq, d.id, d.digest, d.op.Result.Final())
		fresh = append(fresh, d)
	}
	return fresh, nil
}

// insertAll stores deliveries in groups of fixed sizes, to need few prepared statements.
func insertAll(tx transaction, deliveries []*delivery) error {
	const row = "(?,?,?,?,?,?,?,?,?,?)"
	for _, size := range []int{64, 16, 4, 1} {
		for ; len(deliveries) >= size; deliveries = deliveries[size:] {
			args := make([]any, 0, len(row)/2*size)
			for _, d := range deliveries[:size] {
				r := d.op.Result
				args = append(args, d.seq, milliseconds(d.op.ReceivedAt), d.id, d.digest[:], d.op.Ticket.Path,
					string(r.Status), r.Final(), r.Duration().Milliseconds(), d.header, d.body)
			}
			// There is no constraint to violate. OR IGNORE spares SQLite a statement journal.
			if err := tx.run("INSERT OR IGNORE INTO deliveries (seq, received_at, request_id, digest, ticket_path, status, final, duration_ms, header, body) VALUES "+
				row+strings.Repeat(","+row, size-1), args...); err != nil {
				return err
			}
		}
	}
	return nil
}
