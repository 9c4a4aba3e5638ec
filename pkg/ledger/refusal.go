package ledger

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// The bounds of what is kept of refused callbacks.
const (
	mostRefusals      = 20      // of one task, the newest
	mostRefusedHeader = 4 << 10 // bytes
	mostReason        = 200     // bytes
	mostAllRefusals   = 10_000  // of all tasks
	mostAtOnce        = 100
)

// Refusal is a callback that came to a task's path and was not accepted.
type Refusal struct {
	ReceivedAt time.Time
	StatusCode int // that it was answered
	Reason     string
	Size       int64       // that it declared, in bytes; -1: none
	Header     http.Header // what may prove the sender is masked
}

// Refuse notes a refused callback, which is written down a moment later if it came
// to a task's path: whoever is refused must not take the time of others. The newest
// 20 of a task are kept, and 10,000 in all, without their bodies; when more than 100
// come in a moment, the rest is not.
func (l *Ledger) Refuse(path string, r Refusal) {
	r.Header = maskHeader(r.Header, nil)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.refused) < mostAtOnce {
		l.refused = append(l.refused, refused{path, r})
	}
}

// refused is a Refusal that is not written down yet.
type refused struct {
	path string
	Refusal
}

// writeRefusals writes down what was noted.
func (l *Ledger) writeRefusals(ctx context.Context) error {
	l.mu.Lock()
	list := l.refused
	l.refused = nil
	l.mu.Unlock()
	if len(list) == 0 {
		return nil
	}
	return l.writer.put(ctx, &write{do: func(tx transaction) error {
		for _, r := range list {
			if err := r.insert(tx); err != nil {
				return err
			}
		}
		_, err := tx.exec("DELETE FROM refusals WHERE seq <= (SELECT max(seq) FROM refusals) - ?", mostAllRefusals)
		return err
	}})
}

func (r refused) insert(tx transaction) error {
	header := encodeHeader(r.Header)
	if len(header) > mostRefusedHeader {
		header = ""
	}
	if len(r.Reason) > mostReason {
		r.Reason = strings.ToValidUTF8(r.Reason[:mostReason], "")
	}
	if _, err := tx.exec("INSERT INTO refusals (received, path, status, reason, size, header) SELECT ?1,?2,?3,?4,?5,?6 WHERE EXISTS (SELECT 1 FROM tasks WHERE path = ?2)",
		milliseconds(r.ReceivedAt), r.path, r.StatusCode, r.Reason, r.Size, header); err != nil {
		return err
	}
	_, err := tx.exec("DELETE FROM refusals WHERE path = ?1 AND seq <= (SELECT seq FROM refusals WHERE path = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)", r.path, mostRefusals)
	return err
}

// Refusals returns the refused callbacks that came to the task's path, the oldest
// first.
func (l *Ledger) Refusals(ctx context.Context, t Task) ([]Refusal, error) {
	if err := l.writeRefusals(ctx); err != nil && !cannotWrite(err) {
		return nil, err
	}
	rows, err := l.read.QueryContext(ctx, "SELECT received, status, reason, size, header FROM refusals WHERE path = ? ORDER BY seq", t.path)
	if err != nil {
		return nil, newError(l.path, err)
	}
	var list []Refusal
	err = eachRow(rows, func() (err error) {
		var r Refusal
		var received int64
		var header string
		if err := rows.Scan(&received, &r.StatusCode, &r.Reason, &r.Size, &header); err != nil {
			return err
		}
		r.ReceivedAt = fromMilliseconds(received)
		r.Header, err = decodeHeader(header)
		list = append(list, r)
		return err
	})
	return list, newError(l.path, err)
}
