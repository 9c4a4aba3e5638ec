package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

func insertItem(tx transaction, i store.Item, number int64) error {
	if i.Batch == 0 {
		return nil
	}
	_, err := tx.exec(`INSERT INTO items (batch, key, line, id, task, content) VALUES (?,?,?,?,?,?)
		ON CONFLICT (batch, key) DO UPDATE SET line = excluded.line, id = excluded.id, task = excluded.task, content = excluded.content, misfit = ''`,
		i.Batch, i.Key, i.Line, i.ID, number, append([]byte{}, i.Content...))
	return err
}

// PlaceItems writes down where the lines of a batch stand in its input now, as far as
// they were sent; those that are not among them are gone. changed is how many have
// something else in them than what was sent, gone how many were there when they were
// placed last.
func (l *Store) PlaceItems(ctx context.Context, batch int64, items []store.Item) (changed, gone int, err error) {
	placed, err := l.placedItems(ctx, batch)
	if err != nil {
		return 0, 0, err
	}
	moved := map[string]int{}
	for _, i := range items {
		was, ok := placed[string(i.Key)]
		if !ok {
			continue
		}
		delete(placed, string(i.Key))
		if len(was.Content) > 0 && !bytes.Equal(was.Content, i.Content) {
			changed++
		}
		if was.Line != i.Line {
			moved[string(i.Key)] = i.Line
		}
	}
	for key, was := range placed {
		if was.Line != store.GoneLine {
			gone++
			moved[key] = store.GoneLine
		}
	}
	if len(moved) == 0 {
		return changed, gone, nil
	}
	return changed, gone, l.writer.put(ctx, &write{do: func(tx transaction) error {
		for key, line := range moved {
			if _, err := tx.exec("UPDATE items SET line = ? WHERE batch = ? AND key = ?", line, batch, []byte(key)); err != nil {
				return err
			}
		}
		return nil
	}})
}

// placedItems are place and content of all lines of a batch that were sent, by key.
func (l *Store) placedItems(ctx context.Context, batch int64) (map[string]store.Item, error) {
	rows, err := l.read.QueryContext(ctx, "SELECT key, line, content FROM items WHERE batch = ?", batch)
	if err != nil {
		return nil, newError(l.path, err)
	}
	placed := map[string]store.Item{}
	err = eachRow(rows, func() error {
		var i store.Item
		err := rows.Scan(&i.Key, &i.Line, &i.Content)
		placed[string(i.Key)] = i
		return err
	})
	return placed, newError(l.path, err)
}

// SetMisfit writes down how the data of a line's answer differ from what was asked
// for.
func (l *Store) SetMisfit(ctx context.Context, batch int64, key []byte, misfit string) error {
	return l.writer.put(ctx, &write{do: func(tx transaction) error {
		_, err := tx.exec("UPDATE items SET misfit = ? WHERE batch = ? AND key = ?", misfit, batch, key)
		return err
	}})
}

const batchColumns = "number, name, begun, input, cloud, lines"

func scanBatch(row scanner, more ...any) (b store.Batch, err error) {
	var begun int64
	err = row.Scan(append([]any{&b.Number, &b.Name, &begun, &b.Input, &b.Cloud, &b.Lines}, more...)...)
	b.BegunAt = fromMilliseconds(begun)
	return b, err
}

// Batch returns the batch of that name.
func (l *Store) Batch(ctx context.Context, name string) (b store.Batch, ok bool, err error) {
	b, err = scanBatch(l.read.QueryRowContext(ctx, "SELECT "+batchColumns+" FROM batches WHERE name = ?", name))
	if errors.Is(err, sql.ErrNoRows) {
		return store.Batch{}, false, nil
	}
	return b, err == nil, newError(l.path, err)
}

// PutBatch writes down a batch, a new one where its number is 0, and returns its
// number.
func (l *Store) PutBatch(ctx context.Context, b store.Batch) (number int64, err error) {
	err = l.writer.put(ctx, &write{do: func(tx transaction) error {
		if b.Number != 0 {
			number = b.Number
			_, err := tx.exec("UPDATE batches SET input = ?, cloud = ?, lines = ? WHERE number = ?", b.Input, b.Cloud, b.Lines, b.Number)
			return err
		}
		r, err := tx.exec("INSERT INTO batches (name, begun, input, cloud, lines) VALUES (?,?,?,?,?)", b.Name, milliseconds(b.BegunAt), b.Input, b.Cloud, b.Lines)
		if err != nil {
			return err
		}
		number, err = r.LastInsertId()
		return err
	}})
	return number, err
}

// Batches calls yield for each batch, the newest first.
func (l *Store) Batches(ctx context.Context, yield func(store.Batch, store.Tally) error) error {
	rows, err := l.read.QueryContext(ctx, "SELECT "+batchColumns+" FROM batches ORDER BY number DESC")
	if err != nil {
		return newError(l.path, err)
	}
	var list []store.Batch
	err = eachRow(rows, func() error {
		b, err := scanBatch(rows)
		list = append(list, b)
		return err
	})
	if err != nil {
		return newError(l.path, err)
	}
	for _, b := range list {
		tally, err := l.Tally(ctx, b.Number)
		if err != nil {
			return err
		}
		if err := yield(b, tally); err != nil {
			return err
		}
	}
	return nil
}

// Tally counts the lines of a batch, but for those that are gone from its input.
func (l *Store) Tally(ctx context.Context, batch int64) (store.Tally, error) {
	tally := store.Tally{}
	rows, err := l.read.QueryContext(ctx, "SELECT iif(t.status = 'success' AND i.misfit <> '', ?1, coalesce(t.status, '')), count(*) FROM items i LEFT JOIN tasks t ON t.number = i.task WHERE i.batch = ?2 AND i.line < ?3 GROUP BY 1",
		store.StatusMisfit, batch, store.GoneLine)
	if err != nil {
		return nil, newError(l.path, err)
	}
	err = eachRow(rows, func() error {
		var status narada.Status
		var count int
		err := rows.Scan(&status, &count)
		tally[status] = count
		return err
	})
	return tally, newError(l.path, err)
}

const itemColumns = `i.batch, i.key, i.line, i.id, coalesce(t.number, 0), coalesce(t.request_id, ''), coalesce(t.source, ''), coalesce(t.cloud, ''), '', coalesce(t.status, ''),
	coalesce(t.way, ''), coalesce(t.intended, 0), coalesce(t.finished, 0), coalesce(t.took, 0), coalesce(t.failure, ''), coalesce(t.path, ''),
	i.misfit, iif(t.finished IS NULL, coalesce(CAST(t.body AS TEXT) ->> 'callbackUrl', ''), ''), iif(t.finished IS NULL, coalesce(CAST(t.body AS TEXT) ->> 'browserWindowId', ''), '')`

// itemRow scans the columns of an item around those of its task.
type itemRow struct {
	rows *sql.Rows
	item *store.ItemTask
}

// Scan implements scanner.
func (r itemRow) Scan(task ...any) error {
	return r.rows.Scan(slices.Concat([]any{&r.item.Batch, &r.item.Key, &r.item.Line, &r.item.ID}, task, []any{&r.item.Misfit, &r.item.CallbackURL, &r.item.Window})...)
}

func scanItems(rows *sql.Rows) (list []store.ItemTask, err error) {
	err = eachRow(rows, func() (err error) {
		var i store.ItemTask
		i.Task, err = scanTask(itemRow{rows, &i})
		list = append(list, i)
		return err
	})
	return list, err
}

// Items returns those of the lines of a batch that were sent, in no order, without
// their prompts.
func (l *Store) Items(ctx context.Context, batch int64, keys [][]byte) (list []store.ItemTask, err error) {
	for args := range itemArgs(batch, keys) {
		rows, err := l.read.QueryContext(ctx, "SELECT "+itemColumns+" FROM items i LEFT JOIN tasks t ON t.number = i.task WHERE i.batch = ? AND i.key IN "+marks(1, len(args)-1), args...)
		if err != nil {
			return nil, newError(l.path, err)
		}
		some, err := scanItems(rows)
		if err != nil {
			return nil, newError(l.path, err)
		}
		list = append(list, some...)
	}
	return list, nil
}

// CountItems returns how many of the lines were sent.
func (l *Store) CountItems(ctx context.Context, batch int64, keys [][]byte) (count int, err error) {
	for args := range itemArgs(batch, keys) {
		some := 0
		if err := l.read.QueryRowContext(ctx, "SELECT count(*) FROM items WHERE batch = ? AND key IN "+marks(1, len(args)-1), args...).Scan(&some); err != nil {
			return 0, newError(l.path, err)
		}
		count += some
	}
	return count, nil
}

// itemPage is how many lines are read at once.
const itemPage = 256

// itemArgs are the arguments of queries for so many keys of a batch at once.
func itemArgs(batch int64, keys [][]byte) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for some := range slices.Chunk(keys, itemPage) {
			args := []any{batch}
			for _, key := range some {
				args = append(args, key)
			}
			if !yield(args) {
				return
			}
		}
	}
}

// EachItem calls yield for the lines of a batch that were sent, in their order,
// without their prompts.
func (l *Store) EachItem(ctx context.Context, batch int64, yield func(store.ItemTask) error) error {
	if err := l.catchUp(ctx); err != nil {
		return err
	}
	for line, key := 0, []byte{}; ; {
		rows, err := l.read.QueryContext(ctx, "SELECT "+itemColumns+" FROM items i LEFT JOIN tasks t ON t.number = i.task WHERE i.batch = ?1 AND (i.line, i.key) > (?2, ?3) ORDER BY i.line, i.key LIMIT "+fmt.Sprint(itemPage), batch, line, key)
		if err != nil {
			return newError(l.path, err)
		}
		page, err := scanItems(rows)
		if err != nil {
			return newError(l.path, err)
		}
		for _, i := range page {
			if err := yield(i); err != nil {
				return err
			}
		}
		if len(page) < itemPage {
			return nil
		}
		line, key = page[len(page)-1].Line, page[len(page)-1].Key
	}
}

// pruneBatches takes out the batches of which no task is left.
func pruneBatches(tx transaction) error {
	for _, statement := range []string{
		"DELETE FROM batches WHERE EXISTS (SELECT 1 FROM items i WHERE i.batch = batches.number) AND NOT EXISTS (SELECT 1 FROM items i JOIN tasks t ON t.number = i.task WHERE i.batch = batches.number)",
		"DELETE FROM items WHERE batch NOT IN (SELECT number FROM batches)",
	} {
		if _, err := tx.exec(statement); err != nil {
			return err
		}
	}
	return nil
}
