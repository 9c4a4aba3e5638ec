// Package storecopy copies a ledger to another engine, and checks the copy.
//
// The package is private to narada.
package storecopy

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"iter"
	"strings"
	"sync/atomic"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

// Ledger is a ledger that can be copied.
type Ledger interface {
	store.Ledger
	engine.Portable
}

// Counts are the rows of each table, by its name.
type Counts map[string]int64

// String returns a line for each table.
func (c Counts) String() string {
	var lines []string
	for _, t := range engine.Tables() {
		lines = append(lines, fmt.Sprintf("%-15s %d", word(t.Name), c[t.Name]))
	}
	return strings.Join(lines, "\n")
}

// NotEmptyError says that the target has content.
type NotEmptyError struct{ Table string }

func (e *NotEmptyError) Error() string { return "the target is not empty: it has " + word(e.Table) }

// word says what is in the table of that name.
func word(table string) string {
	return cmp.Or(map[string]string{"deliveries": "callbacks", "batch_lines": "lines", "batch_work": "shared batches", "batch_queue": "lines of them"}[table], table)
}

// DiffersError says that the target did not keep what was written to it.
type DiffersError struct {
	Table      string
	Read, Kept int64
}

func (e *DiffersError) Error() string {
	return fmt.Sprintf("the copy differs: of %d %s, %d are the same in number or content", e.Read, word(e.Table), e.Kept)
}

// Copy is one copying of a ledger.
type Copy struct{ rows atomic.Int64 }

// Rows returns how many rows were copied so far. It may be called during Run.
func (c *Copy) Rows() int64 { return c.rows.Load() }

// Run copies one state of a ledger to an empty one: all of it, read back and compared before
// it is kept, or nothing.
func (c *Copy) Run(ctx context.Context, from, to engine.Portable) (counts Counts, err error) {
	counts = Counts{}
	err = to.Import(ctx, func(w engine.Writer) error {
		if err := checkEmpty(ctx, w); err != nil {
			return err
		}
		return from.Export(ctx, func(r engine.Reader) error {
			last := map[string]int64{}
			for _, t := range engine.Tables() {
				if counts[t.Name], err = c.table(ctx, r, w, t); err != nil {
					return err
				}
				if t.Numbered {
					if last[t.Name], err = r.Last(ctx, t); err != nil {
						return err
					}
				}
			}
			return w.Finish(ctx, last)
		})
	})
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return counts, err
}

var errSome = fmt.Errorf("a row")

func checkEmpty(ctx context.Context, w engine.Reader) error {
	for _, t := range engine.Tables() {
		err := w.Rows(ctx, t, func(engine.Row) error { return errSome })
		if err == errSome {
			return &NotEmptyError{t.Name}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// table copies a table, reads it back, and returns the number of its rows.
func (c *Copy) table(ctx context.Context, r engine.Reader, w engine.Writer, t engine.Table) (int64, error) {
	read, kept := newDigest(t), newDigest(t)
	if err := w.Insert(ctx, t, c.rowsOf(ctx, r, t, read)); err != nil {
		return 0, err
	}
	if err := w.Rows(ctx, t, kept.add); err != nil {
		return 0, err
	}
	if read.sum() != kept.sum() {
		return 0, &DiffersError{t.Name, read.rows, kept.rows}
	}
	return read.rows, nil
}

// rowsOf yields the rows of a table, and adds them to the digest.
func (c *Copy) rowsOf(ctx context.Context, r engine.Reader, t engine.Table, d *digest) iter.Seq2[engine.Row, error] {
	return func(yield func(engine.Row, error) bool) {
		err := r.Rows(ctx, t, func(row engine.Row) error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := d.add(row); err != nil {
				return err
			}
			if !yield(row, nil) {
				return errSome
			}
			c.rows.Add(1)
			return nil
		})
		if err != nil && err != errSome {
			yield(nil, err)
		}
	}
}

// digest is that of the rows of a table.
type digest struct {
	table engine.Table
	rows  int64
	hash  hash.Hash
}

func newDigest(t engine.Table) *digest { return &digest{table: t, hash: sha256.New()} }

// add makes the row uniform and adds it.
func (d *digest) add(row engine.Row) error {
	if err := d.table.Uniform(row); err != nil {
		return err
	}
	d.rows++
	for _, value := range row {
		content, _ := value.([]byte)
		if _, isBytes := value.([]byte); !isBytes {
			content = fmt.Append(nil, value)
		}
		var size [9]byte
		if value != nil {
			size[0] = 1
		}
		binary.BigEndian.PutUint64(size[1:], uint64(len(content)))
		d.hash.Write(size[:]) // it does not fail
		d.hash.Write(content)
	}
	return nil
}

func (d *digest) sum() [sha256.Size]byte { return [sha256.Size]byte(d.hash.Sum(nil)) }
