package postgres

import (
	"context"
	"encoding/json"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

// write is a change of the ledger: statements, which are compiled when it is committed.
type write struct {
	ops        []store.Op
	deliveries map[*store.Deliver]*engine.Delivery // of the ops
	do         []statement                         // besides the ops
}

// hasCallback reports whether the write is of callbacks alone, whose sender may send more.
func (w *write) hasCallback() bool { return len(w.deliveries) == len(w.ops) && len(w.ops) > 0 }

// statement is one of a transaction. scan, if not nil, is called for each row that it
// returns.
type statement struct {
	query string
	args  []any
	scan  func(scanner) error
}

// Write implements store.Writer. The error is an *Error.
func (l *Store) Write(ctx context.Context, ops ...store.Op) error {
	if len(ops) == 0 {
		return nil
	}
	one := &write{ops: ops, deliveries: map[*store.Deliver]*engine.Delivery{}}
	for _, op := range ops {
		if deliver, ok := op.(*store.Deliver); ok {
			d, err := engine.NewDelivery(deliver, l.o.Mask)
			if err != nil {
				return l.newError(err)
			}
			one.deliveries[deliver] = d
		}
	}
	if err := l.writer.Put(ctx, one); err != nil {
		return l.newError(err)
	}
	for _, op := range ops {
		if intend, ok := op.(*store.Intend); ok && intend.Ticket.Path != "" {
			l.tickets.Remember(intend.Ticket)
		}
	}
	return nil
}

// statement returns the one that applies the op, which is not a *store.Deliver.
func (l *Store) statement(op store.Op) (statement, error) {
	switch op := op.(type) {
	case *store.Intend:
		return intend(op), nil
	case *store.Accept:
		return call("SELECT @accept($1, $2, $3, $4)", op.Task, op.RequestID, op.At, detailOf(store.EventDetail{RequestID: op.RequestID})), nil
	case *store.AcceptTwice:
		return call("SELECT @accept_twice($1, $2, $3, $4)", op.Task, op.RequestID, op.At, detailOf(store.EventDetail{RequestID: op.RequestID})), nil
	case *store.Refuse:
		return call("SELECT @refuse($1, $2, $3, $4)", op.Task, op.Failure, op.At, detailOf(store.EventDetail{Failure: op.Failure})), nil
	case *store.Retry:
		return call("SELECT @retry($1, $2)", op.Task, op.At), nil
	case *store.Poll:
		return poll(op), nil
	}
	return l.otherStatement(op)
}

// otherStatement is statement for ops about forwards and batches.
func (l *Store) otherStatement(op store.Op) (statement, error) {
	switch op := op.(type) {
	case *store.ForwardTried:
		detail := store.EventDetail{Seq: op.Seq, Target: op.Target, State: store.ForwardWaiting, StatusCode: op.StatusCode, Failure: l.o.Mask(op.Failure)}
		return call("SELECT @forward_tried($1, $2, $3, $4, $5)", op.Seq, op.Target, op.At, detailOf(detail), op.Lease), nil
	case *store.ForwardEnded:
		failure := l.o.Mask(op.Failure)
		detail := store.EventDetail{Seq: op.Seq, Target: op.Target, State: op.State, StatusCode: op.StatusCode, Failure: failure}
		return call("SELECT @forward_ended($1, $2, $3, $4, $5, $6, $7, $8)", op.Seq, op.Target, string(op.State), int32(op.StatusCode), failure, op.EndedAt, detailOf(detail), op.Lease), nil
	case *store.MoveForward:
		return call("SELECT @move_forward($1, $2, $3)", op.Seq, op.From, op.To), nil
	case *store.AdoptForwards:
		return call("UPDATE @forwards SET listener = $1 WHERE target = $2 AND listener = $3 AND state = 'waiting'", op.To, op.Target, op.From), nil
	case *store.PutBatch:
		return putBatch(op), nil
	case *store.RestartBatch:
		return call("SELECT @restart_batch($1, $2)", op.Batch, op.At), nil
	case *store.DeleteBatch:
		return call("SELECT @delete_batch($1)", op.Batch), nil
	case *store.PlaceItem:
		return call("UPDATE @batch_lines SET line = $1 WHERE batch = $2 AND key = $3", int64(op.Line), op.Batch, op.Key), nil
	case *store.SetMismatch:
		return call("UPDATE @batch_lines SET mismatch = $1 WHERE batch = $2 AND key = $3", op.Mismatch, op.Batch, op.Key), nil
	}
	return sessionStatement(op)
}

func call(query string, args ...any) statement { return statement{query: query, args: args} }

// detailOf returns the detail of an event as it is stored.
func detailOf(d store.EventDetail) string {
	doc, _ := json.Marshal(d.Bounded()) // strings and numbers only
	return string(doc)
}

// intend needs the number of the op.
func intend(op *store.Intend) statement {
	digest := ""
	if op.Ticket.Path != "" {
		digest = op.Ticket.Digest()
	}
	url, window := placeOf(op.Body)
	return call("SELECT @intend($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
		op.Number, op.At, op.Source, op.Cloud, op.Machine, op.Agent, op.CloudSession, op.Parent, op.Ticket.Path, digest,
		url, window, op.Prompt, []byte(op.Body),
		op.Item.Batch, notNull(op.Item.Key), int64(op.Item.Line), op.Item.ID, notNull(op.Item.Content))
}

// placeOf returns the callback URL and the browser window of a request, "" for none.
func placeOf(request []byte) (url, window string) {
	var place struct {
		CallbackURL     string `json:"callbackUrl"`
		BrowserWindowID string `json:"browserWindowId"`
	}
	_ = json.Unmarshal(request, &place) // a body that is no object has neither
	return place.CallbackURL, place.BrowserWindowID
}

// notNull returns an empty slice for nil.
func notNull(b []byte) []byte { return append([]byte{}, b...) }

func poll(op *store.Poll) statement {
	r := op.Result
	var result, question any
	actions, microcredits := engine.Used(r)
	if r.Final() {
		result = []byte(r.Raw())
	}
	detail, asked := store.QuestionOf(r)
	if asked {
		question = detailOf(detail)
	}
	return call("SELECT @poll($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)", r.RequestID, string(r.Status), r.Final(), r.Duration().Milliseconds(), actions, microcredits, result, op.At,
		detailOf(store.EventDetail{Status: r.Status, Final: r.Final()}), question, detail.InputID)
}

// putBatch needs the number of the op.
func putBatch(op *store.PutBatch) statement {
	b := op.Batch
	if b.Number != 0 {
		return call("UPDATE @batches SET input = $1, cloud = $2, lines = $3, settings = $4 WHERE number = $5", b.Input, b.Cloud, int64(b.Lines), b.Settings, b.Number)
	}
	return call("INSERT INTO @batches (number, name, begun_at, input, cloud, lines, settings) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		op.Number, b.Name, b.BegunAt, b.Input, b.Cloud, int64(b.Lines), b.Settings)
}
