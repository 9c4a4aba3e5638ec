package sqlite

import (
	"context"
	"encoding/hex"
	"encoding/json"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

func (t transaction) insertItem(i store.Item, number int64) error {
	if i.Batch == 0 {
		return nil
	}
	return t.run(`INSERT INTO batch_lines (batch, key, line, id, task, content) VALUES (?,?,?,?,?,?)
		ON CONFLICT (batch, key) DO UPDATE SET line = excluded.line, id = excluded.id, task = excluded.task, content = excluded.content, mismatch = ''`,
		i.Batch, i.Key, i.Line, i.ID, number, append([]byte{}, i.Content...))
}

func (t transaction) putBatch(op *store.PutBatch) (err error) {
	b := op.Batch
	if op.Number = b.Number; b.Number != 0 {
		return t.run("UPDATE batches SET input = ?, cloud = ?, lines = ?, settings = ? WHERE number = ?", b.Input, b.Cloud, b.Lines, b.Settings, b.Number)
	}
	op.Number, err = t.number("INSERT INTO batches (name, begun_at, input, cloud, lines, settings) VALUES (?,?,?,?,?,?) RETURNING number", b.Name, milliseconds(b.BegunAt), b.Input, b.Cloud, b.Lines, b.Settings)
	return err
}

// forgetLines forgets the lines of a batch, sent or queued.
func (t transaction) forgetLines(batch int64) error {
	return t.runAll([]string{"DELETE FROM batch_lines WHERE batch = ?1", "DELETE FROM batch_queue WHERE batch = ?1", "DELETE FROM batch_work WHERE batch = ?1"}, batch)
}

func (t transaction) restartBatch(op *store.RestartBatch) error {
	if err := t.forgetLines(op.Batch); err != nil {
		return err
	}
	return t.run("UPDATE batches SET begun_at = ? WHERE number = ?", milliseconds(op.At), op.Batch)
}

func (t transaction) deleteBatch(op *store.DeleteBatch) error {
	if err := t.forgetLines(op.Batch); err != nil {
		return err
	}
	return t.run("DELETE FROM batches WHERE number = ?", op.Batch)
}

// PlaceItems updates the positions of the sent lines of a batch in its input; sent lines
// that are not among items are gone. known counts the items that were sent, changed those
// whose content differs from what was sent, gone the lines that have newly disappeared. If
// no item is known, nothing is updated.
func (l *Store) PlaceItems(ctx context.Context, batch int64, items []store.Item) (known, changed, gone int, err error) {
	sent, err := readAll(ctx, l, func(row scanner) (i store.Item, err error) {
		err = row.Scan(&i.Key, &i.Line, &i.Content)
		return i, err
	}, "SELECT key, line, content FROM batch_lines WHERE batch = ?", batch)
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
	return readOne(ctx, l, scanBatch, "SELECT "+batchColumns+" FROM batches WHERE name = ?", name)
}

// BatchList returns the batches, the newest first.
func (l *Store) BatchList(ctx context.Context) ([]store.Batch, error) {
	return readAll(ctx, l, scanBatch, "SELECT "+batchColumns+" FROM batches ORDER BY number DESC")
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
const lineStatus = "iif(t.status = 'success' AND i.mismatch <> '', '" + string(store.StatusMismatch) + "', coalesce(t.status, ''))"

// countedLines are the lines that a Tally counts, with their tasks.
const countedLines = " FROM batch_lines i LEFT JOIN tasks t ON t.number = i.task WHERE i.batch = ?1 AND i.line < ?2"

// Tally counts the lines of a batch by status, except those gone from its input.
func (l *Store) Tally(ctx context.Context, batch int64) (store.Tally, error) {
	tally := store.Tally{}
	_, err := readAll(ctx, l, func(row scanner) (count int, err error) {
		var status narada.Status
		err = row.Scan(&status, &count)
		tally[status] = count
		return count, err
	}, "SELECT "+lineStatus+", count(*)"+countedLines+" GROUP BY 1", batch, store.GoneLine)
	return tally, err
}

// itemQuery reads lines with their tasks.
const itemQuery = "SELECT " + taskColumns + ", ''" + itemColumns

const itemColumns = `, i.batch, i.key, i.line, i.id, i.mismatch,
	iif(t.finished_at IS NULL, coalesce(CAST(t.request AS TEXT) ->> 'callbackUrl', ''), ''),
	iif(t.finished_at IS NULL, coalesce(CAST(t.request AS TEXT) ->> 'browserWindowId', ''), '')
	FROM batch_lines i LEFT JOIN tasks t ON t.number = i.task `

func scanItem(row scanner) (i store.ItemTask, err error) {
	i.Task, err = scanTaskAnd(row, &i.Batch, &i.Key, &i.Line, &i.ID, &i.Mismatch, &i.CallbackURL, &i.Window)
	return i, err
}

// Items returns the sent lines among keys, unordered and without prompts.
func (l *Store) Items(ctx context.Context, batch int64, keys [][]byte) (list []store.ItemTask, err error) {
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = hex.EncodeToString(key)
	}
	doc, _ := json.Marshal(texts) // strings only: it cannot fail
	return readAll(ctx, l, scanItem, itemQuery+"WHERE i.batch = ? AND i.key IN (SELECT unhex(value) FROM json_each(?))", batch, string(doc))
}

// EachItem calls yield for the sent lines of a batch in input order, without prompts.
func (l *Store) EachItem(ctx context.Context, batch int64, yield func(store.ItemTask) error) error {
	if err := l.catchUp(ctx); err != nil {
		return err
	}
	return engine.Items(func(line int, key []byte) ([]store.ItemTask, error) {
		return readAll(ctx, l, scanItem, itemQuery+"WHERE i.batch = ? AND (i.line, i.key) > (?, ?) ORDER BY i.line, i.key LIMIT ?", batch, line, key, engine.ItemPage)
	}, yield)
}

// Lines returns the lines that match, with their tasks.
func (l *Store) Lines(ctx context.Context, q store.LineQuery) ([]store.ItemTask, error) {
	if err := l.catchUp(ctx); err != nil {
		return nil, err
	}
	return readAll(ctx, l, scanItem, "SELECT "+taskColumns+", t.prompt"+itemColumns+"WHERE t.number IS NOT NULL AND i.batch = ?1 AND i.line > ?2 AND i.line < ?3"+engine.LineConditions(q, openLine)+" LIMIT ?4",
		q.Batch, q.After, store.GoneLine, q.Limit)
}

// openLine has a + so that SQLite reads the index on open tasks.
const openLine = "i.task IN (SELECT number FROM tasks WHERE finished_at IS NULL AND +batch = ?1)"
