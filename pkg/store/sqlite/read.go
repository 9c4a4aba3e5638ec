package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"time"

	"github.com/narada-cli/narada/pkg/store/engine"
)

// scanner is a row.
type scanner interface{ Scan(...any) error }

// readAll reads all rows of a query.
func readAll[T any](ctx context.Context, l *Store, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := l.read.QueryContext(ctx, query, args...)
	list, err := scanAll(rows, err, scan)
	return list, newError(l.path, err)
}

// scanAll scans the rows of a query, which may have failed.
func scanAll[T any](rows *sql.Rows, failed error, scan func(scanner) (T, error)) (list []T, err error) {
	err = eachRow(rows, failed, func(row scanner) error {
		one, err := scan(row)
		list = append(list, one)
		return err
	})
	return list, err
}

// readOne reads the first row of a query; ok is false if there is none.
func readOne[T any](ctx context.Context, l *Store, scan func(scanner) (T, error), query string, args ...any) (one T, ok bool, err error) {
	one, err = scan(l.read.QueryRowContext(ctx, query, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return *new(T), false, nil
	}
	return one, err == nil, newError(l.path, err)
}

// plain scans a row with one value.
func plain[T any](row scanner) (value T, err error) {
	err = row.Scan(&value)
	return value, err
}

// timeColumn scans a time from its milliseconds; 0 and NULL are the zero time.
type timeColumn struct{ *time.Time }

// Scan implements sql.Scanner.
func (c timeColumn) Scan(value any) error {
	if n, _ := value.(int64); n != 0 {
		*c.Time = time.UnixMilli(n).UTC()
	}
	return nil
}

// headerColumn scans a header from its text.
type headerColumn struct{ *http.Header }

// Scan implements sql.Scanner.
func (c headerColumn) Scan(value any) (err error) {
	text, _ := value.(string)
	*c.Header, err = engine.DecodeHeader(text)
	return err
}

// eachRow calls scan for each row of a query, which may have failed, and closes the rows.
func eachRow(rows *sql.Rows, failed error, scan func(scanner) error) error {
	if failed != nil {
		return failed
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
