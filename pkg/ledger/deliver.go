package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Entry is a callback in the ledger.
type Entry struct {
	Seq        int64  // grows with every callback that is stored
	Path       string // of the ticket that it showed
	ReceivedAt time.Time
	Result     *narada.Result

	// Further says that the ledger had a final callback for the task already, with
	// another body.
	Further bool
}

// arrival is a delivery on its way into the database.
type arrival struct {
	webhook.Delivery
	id     string
	digest [sha256.Size]byte // of the body as it came
	header []byte            // JSON, masked
	body   []byte            // as it is kept
	isNew  bool              // set by the writer
}

// Deliver implements webhook.Sink: it returns nil once the callback is durable. A
// repeat, which has the same request ID and body, is taken and stored no second
// time. The error is an *Error.
func (l *Ledger) Deliver(ctx context.Context, d webhook.Delivery) error {
	_, err := l.Store(ctx, d)
	return err
}

// Store is Deliver, and reports whether the callback is no repeat.
func (l *Ledger) Store(ctx context.Context, d webhook.Delivery) (isNew bool, err error) {
	a := &arrival{Delivery: d, id: d.Result.RequestID, digest: sha256.Sum256(d.Body), body: d.Body}
	// A final callback ends its task, and with it the need for the secret.
	if d.Result.Final() {
		if a.body, err = narada.ReplaceSecret(d.Body, ""); err != nil {
			return false, newError(l.path, err)
		}
	}
	if a.header, err = json.Marshal(maskHeader(d.Header, d.Ticket.Header)); err != nil {
		return false, newError(l.path, err)
	}
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
func (l *Ledger) insertDeliveries(tx transaction, arrivals []*arrival) ([]Entry, error) {
	if len(arrivals) == 0 {
		return nil, nil
	}
	l.busy.Store(true)
	before, err := earlier(tx, arrivals)
	if err != nil {
		return nil, err
	}
	stored, err := insertAll(tx, arrivals)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for _, a := range arrivals {
		seq, isNew := stored[a.key()]
		if !isNew {
			continue
		}
		delete(stored, a.key()) // another like it in this group is a repeat
		a.isNew = true
		past, final := before[a.id], a.Result.Final()
		entries = append(entries, Entry{
			Seq: seq, Path: a.Ticket.Path, ReceivedAt: a.ReceivedAt, Result: a.Result, Further: past == pastFinal,
		})
		if err := l.noteTask(tx, a); err != nil {
			return nil, err
		}
		if err := blankPhases(tx, a.id, final, past); err != nil {
			return nil, err
		}
		switch {
		case final:
			before[a.id] = pastFinal
		case past == pastNothing:
			before[a.id] = pastPhase
		}
	}
	return entries, nil
}

// past is what the ledger has of a task's callbacks.
type past int

const (
	pastNothing past = iota
	pastPhase
	pastFinal
)

// earlier looks up what the ledger has of the arrivals' tasks.
func earlier(tx transaction, arrivals []*arrival) (map[string]past, error) {
	before := map[string]past{}
	for group := range groups(arrivals) {
		ids := make([]any, len(group))
		for i, a := range group {
			ids[i] = a.id
		}
		rows, err := tx.query("SELECT request_id, max(final) FROM deliveries WHERE request_id IN "+marks(1, len(ids))+" GROUP BY request_id", ids...)
		if err != nil {
			return nil, err
		}
		err = eachRow(rows, func() error {
			var id string
			var final bool
			if err := rows.Scan(&id, &final); err != nil {
				return err
			}
			before[id] = pastPhase
			if final {
				before[id] = pastFinal
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return before, nil
}

// key is what makes a callback a repeat of another.
type key struct {
	id     string
	digest [sha256.Size]byte
}

func (a *arrival) key() key { return key{a.id, a.digest} }

// insertAll stores the arrivals that are no repeats and returns their numbers.
func insertAll(tx transaction, arrivals []*arrival) (map[key]int64, error) {
	stored := make(map[key]int64, len(arrivals))
	for group := range groups(arrivals) {
		const columns = 9
		args := make([]any, 0, columns*len(group))
		for _, a := range group {
			args = append(args, milliseconds(a.ReceivedAt), a.id, a.digest[:], a.Ticket.Path, string(a.Result.Status), a.Result.Final(), a.Result.Duration().Milliseconds(), a.header, a.body)
		}
		rows, err := tx.query("INSERT INTO deliveries (received, request_id, digest, path, status, final, took, header, body) VALUES "+
			marks(len(group), columns)+" ON CONFLICT DO NOTHING RETURNING seq, request_id, digest", args...)
		if err != nil {
			return nil, err
		}
		err = eachRow(rows, func() error {
			var seq int64
			var id string
			var digest []byte
			if err := rows.Scan(&seq, &id, &digest); err != nil {
				return err
			}
			stored[key{id, [sha256.Size]byte(digest)}] = seq
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return stored, nil
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

// blankPhases blanks the secrets of a task's phases when a callback has come that
// ends them, or was late.
func blankPhases(tx transaction, id string, final bool, before past) error {
	switch {
	case final && before == pastNothing:
		return nil
	case final == (before == pastFinal): // a phase of a task that goes on, unless a poll has told its end
		return blank(tx, "AND EXISTS (SELECT 1 FROM tasks t WHERE t.request_id = d.request_id AND t.finished IS NOT NULL)", id)
	}
	return blank(tx, "", id)
}

// blank blanks the secret in the phases of the task, if the condition holds.
func blank(tx transaction, condition, id string) error {
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
