package batch

import (
	"bytes"
	"context"
	"slices"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// Batch implements Reader.
func (w *world) Batch(_ context.Context, name string) (store.Batch, bool, error) {
	if w.batch == nil || w.batch.Name != name {
		return store.Batch{}, false, nil
	}
	return *w.batch, true, nil
}

// Batches implements Reader.
func (w *world) Batches(ctx context.Context, yield func(store.Batch, store.Tally) error) error {
	if w.batch == nil {
		return nil
	}
	tally, _ := w.Tally(ctx, w.batch.Number)
	return yield(*w.batch, tally)
}

// Tally implements Reader.
func (w *world) Tally(context.Context, int64) (store.Tally, error) {
	tally := store.Tally{}
	for _, i := range w.items {
		if i.Line != store.GoneLine {
			tally[i.Task.Status]++
		}
	}
	return tally, nil
}

// EachItem implements Reader.
func (w *world) EachItem(_ context.Context, _ int64, yield func(store.ItemTask) error) error {
	var list []*store.ItemTask
	for _, i := range w.items {
		list = append(list, i)
	}
	slices.SortFunc(list, func(a, b *store.ItemTask) int { return a.Line - b.Line })
	for _, i := range list {
		if err := yield(*i); err != nil {
			return err
		}
	}
	return nil
}

// Final implements Reader.
func (w *world) Final(_ context.Context, t store.Task) (*narada.Result, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.results[t.Number], nil
}

// Write implements store.Writer.
func (w *world) Write(_ context.Context, ops ...store.Op) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, op := range ops {
		switch op := op.(type) {
		case *store.PutBatch:
			w.batch, op.Number = &op.Batch, 1
			w.batch.Number = 1
		case *store.RestartBatch:
			clear(w.items)
		case *store.DeleteBatch:
			w.batch = nil
			clear(w.items)
		default:
			w.t.Errorf("written: %T", op)
		}
	}
	return nil
}

// Task implements Store.
func (w *world) Task(_ context.Context, id string) (store.Task, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, i := range w.items {
		if i.Task.RequestID == id {
			return i.Task, true, nil
		}
	}
	return store.Task{}, false, nil
}

// Items implements Store.
func (w *world) Items(_ context.Context, _ int64, keys [][]byte) (list []store.ItemTask, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, key := range keys {
		if i, ok := w.items[Key(key)]; ok {
			list = append(list, *i)
		}
	}
	return list, nil
}

// PlaceItems implements Store.
func (w *world) PlaceItems(_ context.Context, _ int64, items []store.Item) (known, changed, gone int, err error) {
	placed := map[Key]bool{}
	for _, item := range items {
		placed[Key(item.Key)] = true
		if i, ok := w.items[Key(item.Key)]; ok {
			known++
			i.Line = item.Line
			if !bytes.Equal(i.Content, item.Content) {
				changed++
			}
		}
	}
	for key, i := range w.items {
		if known > 0 && !placed[key] && i.Line != store.GoneLine {
			i.Line = store.GoneLine
			gone++
		}
	}
	return known, changed, gone, nil
}

// SetMismatch implements Store.
func (w *world) SetMismatch(_ context.Context, _ int64, key []byte, text string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.items[Key(key)].Mismatch = text
	return nil
}

// Lines implements Store.
func (w *world) Lines(context.Context, store.LineQuery) ([]store.ItemTask, error) { return nil, nil }

// Works implements Store.
func (w *world) Works(context.Context, int64) ([]store.Work, error) { return nil, nil }

// Claimed implements Store.
func (w *world) Claimed(context.Context, string, int64) ([]store.Claimed, error) { return nil, nil }

// FinishedLines implements Store.
func (w *world) FinishedLines(context.Context, int64, int64, int) ([][]byte, int64, error) {
	return nil, 0, nil
}
