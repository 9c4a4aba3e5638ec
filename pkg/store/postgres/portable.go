package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/engine"
)

// Export implements engine.Portable.
func (l *Store) Export(ctx context.Context, read func(engine.Reader) error) error {
	return l.transfer(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(e exporter) error { return read(e) })
}

// Import implements engine.Portable.
func (l *Store) Import(ctx context.Context, fill func(engine.Writer) error) error {
	return l.transfer(ctx, pgx.TxOptions{}, func(e exporter) error {
		names := []string{"@newest"}
		for _, t := range engine.Tables() {
			names = append(names, "@"+t.Name)
		}
		if _, err := e.tx.Exec(ctx, l.sql("LOCK TABLE "+strings.Join(names, ", ")+" IN EXCLUSIVE MODE")); err != nil {
			return err
		}
		return fill(importer{e})
	})
}

// transfer gives the errors of the server a type, and no others. One that the standby has not
// confirmed the commit wraps errNotSync: the transaction was committed.
func (l *Store) transfer(ctx context.Context, o pgx.TxOptions, do func(exporter) error) error {
	conn, err := l.pool.Acquire(ctx)
	if err != nil {
		return l.newError(err)
	}
	defer conn.Release()
	data := conn.Conn().PgConn().CustomData()
	delete(data, warned)
	err = pgx.BeginTxFunc(ctx, conn, o, func(tx pgx.Tx) error { return do(exporter{l, tx}) })
	if err == nil && data[warned] != nil {
		err = errNotSync
	}
	if sqlState(err) != "" || disconnected(err) || err == errNotSync {
		return l.newError(err)
	}
	return err
}

// exporter reads in a transaction.
type exporter struct {
	ledger *Store
	tx     pgx.Tx
}

// exportedColumns replace columns in what is read. A time before all others is 0.
var exportedColumns = map[engine.Kind]string{
	engine.Time: "CASE WHEN isfinite(%[1]s) THEN floor(extract(epoch FROM %[1]s) * 1000)::bigint WHEN %[1]s IS NOT NULL THEN 0 END",
}

// Rows implements engine.Reader.
func (e exporter) Rows(ctx context.Context, t engine.Table, yield func(engine.Row) error) error {
	names := t.Names()
	for i, c := range t.Columns {
		if format, ok := exportedColumns[c.Kind]; ok {
			names[i] = fmt.Sprintf(format, c.Name)
		}
	}
	if t.Name == "events" {
		names = append(names, "attempts")
	}
	query := "SELECT " + strings.Join(names, ", ") + " FROM @" + t.Name + " ORDER BY " + strings.Join(t.Names()[:t.Key], ", ")
	rows, err := e.tx.Query(ctx, e.ledger.sql(query))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		row, err := rows.Values()
		if err != nil {
			return err
		}
		if err := exported(t, row); err != nil {
			return err
		}
		if err := yield(row[:len(t.Columns)]); err != nil {
			return err
		}
	}
	return rows.Err()
}

// exported makes a row of the table what other engines have.
func exported(t engine.Table, row engine.Row) error {
	for i, value := range row {
		switch v := value.(type) {
		case int32:
			row[i] = int64(v)
		case string:
			row[i] = unescaped(v)
		case []byte:
			if i < len(t.Columns) && t.Columns[i].Kind == engine.Header {
				row[i] = string(v)
			}
		}
	}
	if t.Name != "events" {
		return nil
	}
	attempts, _ := row[len(row)-1].(int64)
	if attempts == 0 {
		return nil
	}
	var detail store.EventDetail
	i := t.Index("detail")
	if err := json.Unmarshal([]byte(row[i].(string)), &detail); err != nil {
		return &store.DamagedError{Err: err}
	}
	detail.Attempts = int(attempts)
	text, err := json.Marshal(detail)
	row[i] = string(text)
	return err
}

// Last implements engine.Reader.
func (e exporter) Last(ctx context.Context, t engine.Table) (last int64, err error) {
	if t.Name == "deliveries" {
		err = e.tx.QueryRow(ctx, e.ledger.sql("SELECT seq FROM @newest")).Scan(&last)
		return last, err
	}
	key := t.Columns[0].Name
	err = e.tx.QueryRow(ctx, e.ledger.sql(fmt.Sprintf("SELECT greatest((SELECT coalesce(max(%s), 0) FROM @%s), coalesce(pg_sequence_last_value(pg_get_serial_sequence($1, $2)::regclass), 0))", key, t.Name)),
		e.ledger.schema+t.Name, key).Scan(&last)
	return last, err
}

// importer writes in a transaction.
type importer struct{ exporter }

// Insert implements engine.Writer.
func (i importer) Insert(ctx context.Context, t engine.Table, rows iter.Seq2[engine.Row, error]) error {
	next, stop := iter.Pull2(rows)
	defer stop()
	names := append(t.Names(), derivedColumns[t.Name]...)
	var failed error // of the rows
	_, err := i.tx.CopyFrom(ctx, pgx.Identifier{i.ledger.o.Schema, t.Name}, names, pgx.CopyFromFunc(func() ([]any, error) {
		row, err, more := next()
		if !more || err != nil {
			failed = err
			return nil, err
		}
		values, err := imported(t, row)
		failed = err
		return escapedArgs(values), err
	}))
	return cmp.Or(failed, err)
}

// derivedColumns follow from the others of their tables.
var derivedColumns = map[string][]string{"tasks": {"callback_url", "window_id"}, "events": {"input_id", "attempts"}}

// imported returns the values of the table's columns and the derived ones.
func imported(t engine.Table, row engine.Row) (engine.Row, error) {
	values := slices.Clone(row)
	for i, c := range t.Columns {
		switch v := row[i].(type) {
		case int64:
			if c.Kind == engine.Time {
				values[i] = time.UnixMilli(v).UTC()
			}
		case string:
			if c.Kind == engine.Header {
				values[i] = []byte(v)
			}
		}
	}
	switch t.Name {
	case "tasks":
		request, _ := row[t.Index("request")].([]byte)
		url, window := placeOf(request)
		return append(values, url, window), nil
	case "events":
		var detail store.EventDetail
		if err := json.Unmarshal([]byte(row[t.Index("detail")].(string)), &detail); err != nil {
			return nil, &store.DamagedError{Err: err}
		}
		var input any
		if row[t.Index("kind")] == string(store.EventPersonAsked) {
			input = detail.InputID
		}
		return append(values, input, int32(detail.Attempts)), nil
	}
	return values, nil
}

// Finish implements engine.Writer.
func (i importer) Finish(ctx context.Context, last map[string]int64) error {
	for _, t := range engine.Tables() {
		if !t.Numbered || last[t.Name] == 0 {
			continue
		}
		query, args := "SELECT setval(pg_get_serial_sequence($2, $3)::regclass, $1::bigint)", []any{last[t.Name], i.ledger.schema + t.Name, t.Columns[0].Name}
		if t.Name == "deliveries" {
			query, args = "UPDATE @newest SET seq = $1", args[:1]
		}
		if _, err := i.tx.Exec(ctx, i.ledger.sql(query), args...); err != nil {
			return err
		}
	}
	return nil
}
