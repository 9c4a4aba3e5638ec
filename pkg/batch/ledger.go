package batch

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/narada-cli/narada/pkg/store"
)

// Store keeps batches and their lines. *sqlite.Store implements it.
type Store interface {
	Reader

	PutBatch(ctx context.Context, b store.Batch) (number int64, err error) // a new one if b.Number is 0
	Items(ctx context.Context, batch int64, keys [][]byte) ([]store.ItemTask, error)
	PlaceItems(ctx context.Context, batch int64, items []store.Item) (known, changed, gone int, err error)
	SetSchemaErrors(ctx context.Context, batch int64, key []byte, text string) error
}

// place is a line's position in the input. There may be millions.
type place struct {
	key, sum Key
	number   int
}

// Item returns the line for the store and the engine, without its prompt.
func (l Line) Item(batch int64) store.Item {
	i := store.Item{Batch: batch, Key: slices.Clone(l.Key[:]), Line: l.Number, ID: l.ID}
	if l.Sum != (Key{}) {
		i.Content = slices.Clone(l.Sum[:])
	}
	return i
}

// OtherBatchError is a batch of the same name with another input or cloud.
type OtherBatchError struct {
	Was, Is store.Batch
	Sent    int // sent lines, none of which is in the input; 0: another cloud
}

func (e *OtherBatchError) Error() string {
	return fmt.Sprintf("there is another batch with the name %q", e.Is.Name)
}

// find looks the batch up in the store, or adds it. earlier reports whether it was there.
func (b *Batch) find(ctx context.Context, w Backend) (number int64, earlier bool, err error) {
	was, earlier, err := w.Store.Batch(ctx, b.o.Name)
	if err != nil {
		return 0, false, err
	}
	input := b.o.Path
	if abs, err := filepath.Abs(input); err == nil && input != "-" {
		input = abs
	}
	is := store.Batch{Number: was.Number, Name: b.o.Name, BegunAt: b.o.Start, Input: input, Cloud: w.Cloud, Lines: len(b.places)}
	if earlier && was.Cloud != is.Cloud {
		return 0, false, &OtherBatchError{Was: was, Is: is}
	}
	if earlier {
		if err := b.compare(ctx, w.Store, was, is); err != nil {
			return 0, false, err
		}
	}
	number, err = w.Store.PutBatch(ctx, is)
	return number, earlier, err
}

// compare reports whether the input has changed since the last run.
func (b *Batch) compare(ctx context.Context, s Store, was, is store.Batch) error {
	tally, err := s.Tally(ctx, was.Number)
	if err != nil {
		return err
	}
	items := make([]store.Item, len(b.places))
	for i, p := range b.places {
		items[i] = Line{Key: p.key, Sum: p.sum, Number: p.number}.Item(was.Number)
	}
	known, changed, gone, err := s.PlaceItems(ctx, was.Number, items)
	if err != nil {
		return err
	}
	if sent := tally.Sent(); sent > 0 && known == 0 {
		return &OtherBatchError{was, is, sent}
	}
	if changed > 0 || gone > 0 || was.Lines != is.Lines {
		b.o.Report(InputChanged{Lines: is.Lines, WasLines: was.Lines, Gone: gone, Different: changed})
	}
	return nil
}
