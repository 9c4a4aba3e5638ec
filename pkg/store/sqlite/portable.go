package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"iter"
	"strings"

	"github.com/narada-cli/narada/pkg/store/engine"
)

// maxExports is how often Export tries to find all callbacks indexed.
const maxExports = 20

// Export implements engine.Portable.
func (l *Store) Export(ctx context.Context, read func(engine.Reader) error) error {
	for range maxExports {
		if err := l.index(ctx); err != nil {
			return err
		}
		if done, err := l.exportIndexed(ctx, read); done || err != nil {
			return err
		}
	}
	return newError(l.path, errors.New("callbacks arrive too fast: stop the listeners"))
}

// exportIndexed is Export, unless there are callbacks that are not indexed.
func (l *Store) exportIndexed(ctx context.Context, read func(engine.Reader) error) (done bool, err error) {
	conn, err := l.read.Conn(ctx)
	if err != nil {
		return false, newError(l.path, err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return false, newError(l.path, err)
	}
	defer func() { _, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") }()
	var some bool
	if err := conn.QueryRowContext(ctx, unindexedQuery).Scan(&some); some || err != nil {
		return false, newError(l.path, err)
	}
	return true, read(exporter{l, func(ctx context.Context, query string) (*sql.Rows, error) { return conn.QueryContext(ctx, query) }})
}

// exporter reads in a transaction.
type exporter struct {
	ledger *Store
	query  func(ctx context.Context, query string) (*sql.Rows, error)
}

// Rows implements engine.Reader.
func (e exporter) Rows(ctx context.Context, t engine.Table, yield func(engine.Row) error) error {
	rows, err := e.query(ctx, t.Query(t.Name))
	if err != nil {
		return newError(e.ledger.path, err)
	}
	defer rows.Close()
	row, places := make(engine.Row, len(t.Columns)), make([]any, len(t.Columns))
	for rows.Next() {
		for i := range row {
			places[i] = &row[i]
		}
		if err := rows.Scan(places...); err != nil {
			return newError(e.ledger.path, err)
		}
		for i, c := range t.Columns {
			row[i] = exported(c.Kind, row[i])
		}
		if err := yield(row); err != nil {
			return err
		}
	}
	return newError(e.ledger.path, rows.Err())
}

// exported returns a value of the database as one of the kind.
func exported(kind engine.Kind, value any) any {
	switch v := value.(type) {
	case int64:
		if kind == engine.Flag {
			return v != 0
		}
	case string:
		if kind == engine.Bytes || kind == engine.Document { // SQLite stores what it is given
			return []byte(v)
		}
	case []byte:
		if kind == engine.Text || kind == engine.Header {
			return string(v)
		}
	}
	return value
}

// Last implements engine.Reader. SQLite does not keep that of all tables.
func (e exporter) Last(ctx context.Context, t engine.Table) (last int64, err error) {
	query := "SELECT coalesce(max(" + t.Columns[0].Name + "), 0) FROM " + t.Name
	switch t.Name {
	case "tasks", "events", "batches":
		query = "SELECT max((" + query + "), coalesce((SELECT seq FROM sqlite_sequence WHERE name = '" + t.Name + "'), 0))"
	case "deliveries":
		query = "SELECT max((" + query + "), (SELECT seq FROM indexed))"
	}
	rows, err := e.query(ctx, query)
	err = eachRow(rows, err, func(row scanner) error { return row.Scan(&last) })
	return last, newError(e.ledger.path, err)
}

// Import implements engine.Portable.
func (l *Store) Import(ctx context.Context, fill func(engine.Writer) error) error {
	var failed error
	err := l.writer.put(ctx, &write{do: func(tx transaction) error {
		if failed == nil { // otherwise it is repeated for the sake of other writes
			failed = fill(importer{exporter{l, func(ctx context.Context, query string) (*sql.Rows, error) { return l.conn.QueryContext(ctx, query) }}, tx})
		}
		l.unindexed.forget(0)
		return failed
	}})
	return cmp.Or(failed, err)
}

// importer writes in the writer's transaction.
type importer struct {
	exporter
	tx transaction
}

// Insert implements engine.Writer.
func (i importer) Insert(_ context.Context, t engine.Table, rows iter.Seq2[engine.Row, error]) error {
	statement := "INSERT INTO " + t.Name + " (" + strings.Join(t.Names(), ", ") + ") VALUES (?" + strings.Repeat(",?", len(t.Columns)-1) + ")"
	for row, err := range rows {
		if err != nil {
			return err
		}
		if err := i.tx.run(statement, row...); err != nil {
			return newError(i.ledger.path, err)
		}
	}
	return nil
}

// Finish implements engine.Writer.
func (i importer) Finish(_ context.Context, last map[string]int64) error {
	err := i.tx.run("INSERT INTO delivery_index SELECT request_id, digest, seq, final FROM deliveries ORDER BY request_id, digest")
	if err != nil {
		return newError(i.ledger.path, err)
	}
	if err := i.tx.run("UPDATE indexed SET seq = ?", last["deliveries"]); err != nil {
		return newError(i.ledger.path, err)
	}
	for _, name := range []string{"tasks", "events", "batches"} {
		if err := i.tx.runAll([]string{"DELETE FROM sqlite_sequence WHERE name = ?1 AND ?2 >= 0", "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)"}, name, last[name]); err != nil {
			return newError(i.ledger.path, err)
		}
	}
	return nil
}
