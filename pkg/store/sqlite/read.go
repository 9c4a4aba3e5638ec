package sqlite

import (
	"context"
	"database/sql"
	"errors"
)

// scanner is a row that was read.
type scanner interface{ Scan(...any) error }

// readAll reads all rows of a query.
func readAll[T any](ctx context.Context, l *Store, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := l.read.QueryContext(ctx, query, args...)
	list, err := scanAll(rows, err, scan)
	return list, newError(l.path, err)
}

// scanAll scans the rows that a query has returned.
func scanAll[T any](rows *sql.Rows, failed error, scan func(scanner) (T, error)) (list []T, err error) {
	if failed != nil {
		return nil, failed
	}
	err = eachRow(rows, func() error {
		one, err := scan(rows)
		list = append(list, one)
		return err
	})
	return list, err
}

// readOne reads the first row of a query, if it has one.
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

// eachRow calls f, which scans, for each row, and closes the rows.
func eachRow(rows *sql.Rows, f func() error) error {
	defer rows.Close()
	for rows.Next() {
		if err := f(); err != nil {
			return err
		}
	}
	return rows.Err()
}
