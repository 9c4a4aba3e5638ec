package batch

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/store"
)

// Reader reads batches. *sqlite.Store implements it.
type Reader interface {
	Batch(ctx context.Context, name string) (b store.Batch, ok bool, err error)
	Batches(ctx context.Context, yield func(store.Batch, store.Tally) error) error // newest first
	Tally(ctx context.Context, batch int64) (store.Tally, error)
	Lines(ctx context.Context, q store.LineQuery) ([]store.ItemTask, error)
	EachItem(ctx context.Context, batch int64, yield func(store.ItemTask) error) error // in input order
	Final(ctx context.Context, t store.Task) (*narada.Result, error)
}

// ErrNoBatch is an unknown name of a batch.
var ErrNoBatch = errors.New("unknown batch")

// Summary is a batch with its lines counted by status, as in the JSON output.
type Summary struct {
	Name    string                `json:"name"`
	BegunAt time.Time             `json:"begunAt"`
	Input   string                `json:"input"`
	BaseURL string                `json:"baseUrl"`
	Lines   int                   `json:"lines"`
	Sent    int                   `json:"sent"`
	Counts  map[narada.Status]int `json:"counts"`
}

func newSummary(b store.Batch, t store.Tally) Summary {
	counts := map[narada.Status]int{}
	for status, n := range t {
		if status == "" {
			status = StatusPruned
		}
		counts[status] = n
	}
	return Summary{Name: b.Name, BegunAt: b.BegunAt, Input: b.Input, BaseURL: b.Cloud, Lines: b.Lines, Sent: t.Sent(), Counts: counts}
}

// List calls yield for each batch, newest first.
func List(ctx context.Context, r Reader, yield func(Summary) error) error {
	return r.Batches(ctx, func(b store.Batch, t store.Tally) error { return yield(newSummary(b, t)) })
}

// Show returns the batch of that name and its lines without success, with the reasons, in
// which visible masks secrets. The error may be ErrNoBatch.
func Show(ctx context.Context, r Reader, name string, visible func(string) string) (s Summary, failed []Outcome, err error) {
	b, err := named(ctx, r, name)
	if err != nil {
		return s, nil, err
	}
	err = r.EachItem(ctx, b.Number, func(i store.ItemTask) error {
		o := keptOutcome(i)
		if o.Succeeded() {
			return nil
		}
		if o.Phase == Finished && o.Matches() {
			if err := o.readResult(ctx, r); err != nil {
				return err
			}
		}
		failed = append(failed, o.brief(visible))
		return nil
	})
	if err != nil {
		return s, nil, err
	}
	tally, err := r.Tally(ctx, b.Number)
	return newSummary(b, tally), failed, err
}

// Results prints the results of the batch of that name in input order, as Run does. open
// counts the sent lines that have not ended. The error may be ErrNoBatch.
func Results(ctx context.Context, r Reader, name string, to *output.Rows) (open int, err error) {
	b, err := named(ctx, r, name)
	if err != nil {
		return 0, err
	}
	to.Reserve(Line{Number: b.Lines}.Name())
	err = r.EachItem(ctx, b.Number, func(i store.ItemTask) (err error) {
		o := keptOutcome(i)
		switch o.Phase {
		case New:
			return nil
		case Running, Unknown:
			open++
			return nil
		case Finished:
			if err := o.readResult(ctx, r); err != nil {
				return err
			}
		}
		return o.print(to)
	})
	if err != nil {
		err = cmp.Or(context.Cause(ctx), err)
	}
	return open, err
}

func named(ctx context.Context, r Reader, name string) (store.Batch, error) {
	b, ok, err := r.Batch(ctx, name)
	if err == nil && !ok {
		err = ErrNoBatch
	}
	return b, err
}

// keptOutcome returns the outcome of a line in the store, without its result.
func keptOutcome(i store.ItemTask) Outcome {
	o := Outcome{Line: Line{Number: i.Line, ID: i.ID}, State: stateOf(i)}
	if i.Line == store.GoneLine {
		o.Number = 0
	}
	if o.Phase == New {
		o.Failure = "not accepted yet; the next run sends it"
	}
	if o.Phase == Finished {
		o.Mismatch = store.ParseMismatch(o.StoredMismatch)
	}
	return o
}

// readResult reads the result from the store, nil if it is not there.
func (o *Outcome) readResult(ctx context.Context, r Reader) (err error) {
	o.Result, err = r.Final(ctx, store.Task{Number: o.Task})
	return err
}
