package postgres

import (
	"context"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

// PlaceItems updates the positions of the sent lines of a batch in its input; sent lines
// that are not among items are gone. known counts the items that were sent, changed those
// whose content differs from what was sent, gone the lines that have newly disappeared. If
// no item is known, nothing is updated.
func (l *Store) PlaceItems(ctx context.Context, batch int64, items []store.Item) (known, changed, gone int, err error) {
	sent, err := readAll(ctx, l, func(row scanner) (i store.Item, err error) {
		err = row.Scan(&i.Key, &i.Line, &i.Content)
		return i, err
	}, "SELECT key, line, content FROM @batch_lines WHERE batch = $1", batch)
	if err != nil {
		return 0, 0, 0, err
	}
	p := engine.Place(batch, sent, items)
	return p.Known, p.Changed, p.Gone, l.Write(ctx, p.Moves...)
}

const batchColumns = "number, name, begun_at, input, cloud, lines, settings"

func scanBatch(row scanner) (b store.Batch, err error) {
	err = row.Scan(&b.Number, &b.Name, timeColumn{&b.BegunAt}, &b.Input, &b.Cloud, &b.Lines, &b.Settings)
	return b, err
}

// Batch returns the batch of that name.
func (l *Store) Batch(ctx context.Context, name string) (b store.Batch, ok bool, err error) {
	return readOne(ctx, l, scanBatch, "SELECT "+batchColumns+" FROM @batches WHERE name = $1", name)
}

// BatchList returns the batches, the newest first.
func (l *Store) BatchList(ctx context.Context) ([]store.Batch, error) {
	return readAll(ctx, l, scanBatch, "SELECT "+batchColumns+" FROM @batches ORDER BY number DESC")
}

// Batches calls yield for each batch, the newest first.
func (l *Store) Batches(ctx context.Context, yield func(store.Batch, store.Tally) error) error {
	list, err := l.BatchList(ctx)
	for _, b := range list {
		if err != nil {
			break
		}
		var tally store.Tally
		if tally, err = l.Tally(ctx, b.Number); err == nil {
			err = yield(b, tally)
		}
	}
	return err
}

// lineStatus is the status of a line in a Tally.
const lineStatus = "CASE WHEN t.status = 'success' AND i.mismatch <> '' THEN '" + string(store.StatusMismatch) + "' ELSE coalesce(t.status, '') END"

// countedLines are the lines that a Tally counts, with their tasks.
const countedLines = " FROM @batch_lines i LEFT JOIN @tasks t ON t.number = i.task WHERE i.batch = $1 AND i.line < $2"

// Tally counts the lines of a batch by status, except those gone from its input.
func (l *Store) Tally(ctx context.Context, batch int64) (store.Tally, error) {
	tally := store.Tally{}
	_, err := readAll(ctx, l, func(row scanner) (count int, err error) {
		var status narada.Status
		err = row.Scan(&status, &count)
		tally[status] = count
		return count, err
	}, "SELECT "+lineStatus+", count(*)"+countedLines+" GROUP BY 1", batch, int64(store.GoneLine))
	return tally, err
}

// itemQuery reads lines with their tasks.
const itemQuery = "SELECT " + taskColumns + ", ''" + itemColumns

const itemColumns = `, i.batch, i.key, i.line, i.id, i.mismatch,
	CASE WHEN t.finished_at IS NULL THEN coalesce(t.callback_url, '') ELSE '' END, CASE WHEN t.finished_at IS NULL THEN coalesce(t.window_id, '') ELSE '' END
	FROM @batch_lines i LEFT JOIN @tasks t ON t.number = i.task `

func scanItem(row scanner) (i store.ItemTask, err error) {
	i.Task, err = scanTaskAnd(row, &i.Batch, &i.Key, &i.Line, &i.ID, &i.Mismatch, &i.CallbackURL, &i.Window)
	return i, err
}

// Items returns the sent lines among keys, unordered and without prompts.
func (l *Store) Items(ctx context.Context, batch int64, keys [][]byte) ([]store.ItemTask, error) {
	return readAll(ctx, l, scanItem, itemQuery+"WHERE i.batch = $1 AND i.key = ANY ($2)", batch, keys)
}

// EachItem calls yield for the sent lines of a batch in input order, without prompts.
func (l *Store) EachItem(ctx context.Context, batch int64, yield func(store.ItemTask) error) error {
	return engine.Items(func(line int, key []byte) ([]store.ItemTask, error) {
		return readAll(ctx, l, scanItem, itemQuery+"WHERE i.batch = $1 AND (i.line, i.key) > ($2, $3) ORDER BY i.line, i.key LIMIT $4", batch, int64(line), key, engine.ItemPage)
	}, yield)
}

// Lines returns the lines that match, with their tasks.
func (l *Store) Lines(ctx context.Context, q store.LineQuery) ([]store.ItemTask, error) {
	return readAll(ctx, l, scanItem, "SELECT "+taskColumns+", t.prompt"+itemColumns+"WHERE t.number IS NOT NULL AND i.batch = $1 AND i.line > $2 AND i.line < $3"+engine.LineConditions(q, "t.finished_at IS NULL")+" LIMIT $4",
		q.Batch, int64(q.After), int64(store.GoneLine), q.Limit)
}
