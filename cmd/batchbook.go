package cmd

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
)

// batchBook is the ledger as a batch sees it.
type batchBook struct {
	ledger *sqlite.Store
	number int64 // the batch's
}

// Look implements batch.Book.
func (b *batchBook) Look(ctx context.Context, keys []batch.Key) (map[batch.Key]batch.State, error) {
	items, err := b.ledger.Items(ctx, b.number, keyBytes(keys))
	if err != nil {
		return nil, err
	}
	states := make(map[batch.Key]batch.State, len(items))
	for _, i := range items {
		states[batch.Key(i.Key)] = batchState(i)
	}
	return states, nil
}

// batchState is how a line stands whose task is that.
func batchState(i store.ItemTask) batch.State {
	t := i.Task
	s := batch.State{
		Task: t.Number, RequestID: t.RequestID, Status: t.Status, Failure: t.Failure, Ticket: t.TicketPath,
		Noted: misfitOf(i.Misfit), Window: i.Window, CallbackURL: i.CallbackURL, SentAt: t.DispatchedAt,
	}
	switch {
	case t.Number == 0:
		s.Phase = batch.Pruned
	case t.Status == store.StatusRefused && t.Failure == "":
		s.Phase = batch.New
	case t.Status == store.StatusRefused:
		s.Phase = batch.Refused
	case !t.Open():
		s.Phase = batch.Finished
	case t.RequestID == "":
		s.Phase = batch.Unknown
	default:
		s.Phase = batch.Running
	}
	return s
}

// misfitOf reads what the ledger has of an answer's data.
func misfitOf(text string) (list []string) {
	if text != "" && json.Unmarshal([]byte(text), &list) != nil {
		return []string{text}
	}
	return list
}

// note keeps how an answer's data differ from what was asked for, if that is new.
func (b *batchBook) note(o batch.Outcome) error {
	if slices.Equal(o.Misfit, o.Noted) {
		return nil
	}
	text := ""
	if len(o.Misfit) > 0 {
		doc, err := output.EncodeJSON(o.Misfit)
		if err != nil {
			return err
		}
		text = string(doc)
	}
	return b.ledger.SetMisfit(context.Background(), b.number, o.Key[:], text)
}

// keyBytes are the keys as the ledger has them.
func keyBytes(keys []batch.Key) [][]byte {
	list := make([][]byte, len(keys))
	for i := range keys {
		list[i] = keys[i][:]
	}
	return list
}

// Result implements batch.Book.
func (b *batchBook) Result(ctx context.Context, number int64) (*narada.Result, error) {
	t, ok, err := b.ledger.Numbered(ctx, number)
	if err != nil || !ok {
		return nil, err
	}
	return b.ledger.Final(ctx, t)
}
