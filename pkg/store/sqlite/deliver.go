package sqlite

import (
	"bufio"
	"context"
	"crypto/sha256"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/webhook"
)

// arrival is a delivery on its way into the database.
type arrival struct {
	webhook.Delivery
	forwarding store.Forwarding
	id         string
	digest     [sha256.Size]byte // of the body as it came
	header     string            // masked
	body       []byte            // as it is kept

	// Set by the writer.
	isNew  bool
	seq    int64
	before past
}

func (a *arrival) entry() store.Entry {
	return store.Entry{Seq: a.seq, Path: a.Ticket.Path, ReceivedAt: a.ReceivedAt, Result: a.Result, Further: a.before == pastFinal}
}

// Deliver implements webhook.Sink: it returns nil once the callback is durable. A
// repeat, which has the same request ID and body, is taken and stored no second
// time. The error is an *Error.
func (l *Store) Deliver(ctx context.Context, d webhook.Delivery) error {
	_, err := l.Store(ctx, d, store.Forwarding{})
	return err
}

// Store is Deliver for a callback of which something is to become, and reports whether
// it is no repeat.
func (l *Store) Store(ctx context.Context, d webhook.Delivery, o store.Forwarding) (isNew bool, err error) {
	a := &arrival{Delivery: d, forwarding: o, id: d.Result.RequestID, digest: sha256.Sum256(d.Body), body: d.Body}
	// A final callback ends its task, and with it the need for the secret.
	if d.Result.Final() {
		if a.body, err = d.Result.BodyWithSecret(""); err != nil {
			return false, newError(l.path, err)
		}
	}
	a.header = encodeHeader(maskHeader(d.Header, d.Ticket.Header))
	if err := l.writer.put(ctx, &write{delivery: a}); err != nil {
		return false, err
	}
	return a.isNew, nil
}

// maskHeader hides what proves the sender: the headers of the ticket, and those
// that carry credentials elsewhere.
func maskHeader(header, proof http.Header) http.Header {
	masked := make(http.Header, len(header))
	for name, values := range header {
		if _, proves := proof[name]; proves || isSensitive(name) {
			values = []string{"***"}
		}
		masked[name] = values
	}
	return masked
}

// encodeHeader writes a header as HTTP/1.1 does.
func encodeHeader(header http.Header) string {
	var b strings.Builder
	_ = header.Write(&b) // it takes everything
	return b.String()
}

func decodeHeader(text string) (http.Header, error) {
	header, err := textproto.NewReader(bufio.NewReader(strings.NewReader(text + "\r\n"))).ReadMIMEHeader()
	return http.Header(header), err
}

func isSensitive(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"authorization", "cookie", "token", "secret", "key", "password", "signature"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// insertDeliveries stores the arrivals that are no repeats, with what they tell
// of their tasks, and returns them in their order.
func (l *Store) insertDeliveries(tx transaction, arrivals []*arrival) ([]*arrival, error) {
	if len(arrivals) == 0 {
		return nil, nil
	}
	l.busy.Store(true)
	l.waiting.Store(true)
	fresh, err := l.pickNew(tx, arrivals)
	if err != nil {
		return nil, err
	}
	if err := insertAll(tx, fresh); err != nil {
		return nil, err
	}
	for _, a := range fresh {
		if err := l.noteTask(tx, a); err != nil {
			return nil, err
		}
		if err := l.blankPhases(tx, a); err != nil {
			return nil, err
		}
		if err := a.insertForwards(tx); err != nil {
			return nil, err
		}
	}
	return fresh, nil
}

// pickNew returns the arrivals that are no repeats, each with its number.
func (l *Store) pickNew(tx transaction, arrivals []*arrival) ([]*arrival, error) {
	if err := l.unfiled.refresh(tx); err != nil {
		return nil, err
	}
	filed, err := filedCallbacks(tx, arrivals)
	if err != nil {
		return nil, err
	}
	var fresh []*arrival
	for _, a := range arrivals {
		both := []*callbacks{filed[a.id], l.unfiled.byID[a.id]}
		if both[0].has(a.digest) || both[1].has(a.digest) {
			continue
		}
		a.isNew, a.seq, a.before = true, l.unfiled.last+1, max(both[0].past(), both[1].past())
		l.unfiled.add(a.seq, a.id, a.digest, a.Result.Final())
		fresh = append(fresh, a)
	}
	return fresh, nil
}

func insertAll(tx transaction, arrivals []*arrival) error {
	for group := range groups(arrivals) {
		const columns = 10
		args := make([]any, 0, columns*len(group))
		for _, a := range group {
			args = append(args, a.seq, milliseconds(a.ReceivedAt), a.id, a.digest[:], a.Ticket.Path,
				string(a.Result.Status), a.Result.Final(), a.Result.Duration().Milliseconds(), a.header, a.body)
		}
		// OR IGNORE ignores nothing, as there is nothing to violate: it spares SQLite
		// the copies with which it could undo half a statement.
		if _, err := tx.exec("INSERT OR IGNORE INTO deliveries (seq, received, request_id, digest, path, status, final, took, header, body) VALUES "+
			marks(len(group), columns), args...); err != nil {
			return err
		}
	}
	return nil
}

// groups cuts the list into pieces of a few sizes, for few prepared statements.
func groups[T any](list []T) func(yield func([]T) bool) {
	return func(yield func([]T) bool) {
		for len(list) > 0 {
			n := 1
			for _, size := range []int{64, 16, 4} {
				if len(list) >= size {
					n = size
					break
				}
			}
			if !yield(list[:n]) {
				return
			}
			list = list[n:]
		}
	}
}

// marks are the places of rows of values: (?,?),(?,?).
func marks(rows, columns int) string {
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", columns), ",") + ")"
	return strings.TrimSuffix(strings.Repeat(row+",", rows), ",")
}

// blankPhases blanks the secrets of the phases of the callback's task if it has
// finished.
func (l *Store) blankPhases(tx transaction, a *arrival) error {
	final := a.Result.Final()
	switch {
	case final && a.before == pastNothing:
		return nil // there are none
	case final || a.before == pastFinal:
		return l.blank(tx, "", a.id)
	}
	// A poll may have told the end.
	return l.blank(tx, "AND EXISTS (SELECT 1 FROM tasks t WHERE t.request_id = d.request_id AND t.finished IS NOT NULL)", a.id)
}

// blank blanks the secret in the phases of the task, if the condition holds.
func (l *Store) blank(tx transaction, condition, id string) error {
	rows, err := tx.query("SELECT seq, body FROM deliveries d WHERE request_id = ? AND NOT final "+condition, id)
	if err != nil {
		return err
	}
	bodies := map[int64][]byte{}
	err = eachRow(rows, func() (err error) {
		var seq int64
		var body []byte
		if err := rows.Scan(&seq, &body); err != nil {
			return err
		}
		bodies[seq], err = narada.ReplaceSecret(body, "")
		return err
	})
	if err != nil {
		return err
	}
	for seq, body := range bodies {
		if _, err := tx.exec("UPDATE deliveries SET body = ? WHERE seq = ?", body, seq); err != nil {
			return err
		}
	}
	return nil
}
