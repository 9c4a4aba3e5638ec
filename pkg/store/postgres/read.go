package postgres

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/narada-cli/narada/pkg/store/engine"
)

// scanner is a row.
type scanner interface{ Scan(...any) error }

// readAll reads all rows of a query. A read whose connection is lost is repeated with
// another one. The limit of an attempt is for a server that has vanished.
func readAll[T any](ctx context.Context, l *Store, scan func(scanner) (T, error), query string, args ...any) (list []T, err error) {
	for began := time.Now(); ; {
		attempt, cancel := context.WithTimeout(ctx, attemptLimit)
		rows, failed := l.pool.Query(attempt, l.sql(query), escapedArgs(args)...)
		list, err = scanAll(rows, failed, scan)
		cancel()
		if err == nil || !repeatable(err) || time.Since(began) > readLimit || !pause(ctx) {
			break
		}
	}
	if ctx.Err() != nil {
		return list, context.Cause(ctx)
	}
	return list, l.newError(err)
}

// readOne reads the first row of a query; ok is false if there is none.
func readOne[T any](ctx context.Context, l *Store, scan func(scanner) (T, error), query string, args ...any) (one T, ok bool, err error) {
	list, err := readAll(ctx, l, scan, query, args...)
	if len(list) == 0 || err != nil {
		return *new(T), false, err
	}
	return list[0], true, nil
}

// scanAll scans the rows of a query, which may have failed.
func scanAll[T any](rows pgx.Rows, failed error, scan func(scanner) (T, error)) (list []T, err error) {
	err = eachRow(rows, failed, func(row scanner) error {
		one, err := scan(row)
		list = append(list, one)
		return err
	})
	return list, err
}

// eachRow calls scan for each row of a query, which may have failed, and closes the rows.
func eachRow(rows pgx.Rows, failed error, scan func(scanner) error) error {
	if failed != nil {
		return failed
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(storedRows{rows}); err != nil {
			return err
		}
	}
	return rows.Err()
}

// plain scans a row with one value.
func plain[T any](row scanner) (value T, err error) {
	err = row.Scan(&value)
	return value, err
}

// timeColumn scans a time with the precision of the ledger; NULL is the zero time.
type timeColumn struct{ *time.Time }

// Scan implements sql.Scanner.
func (c timeColumn) Scan(value any) error {
	switch at := value.(type) {
	case nil:
		*c.Time = time.Time{}
	case time.Time:
		*c.Time = at.UTC().Truncate(time.Millisecond)
	default:
		return errors.New("postgres: not a time")
	}
	return nil
}

// headerColumn scans a header from its text.
type headerColumn struct{ *http.Header }

// ScanBytes implements pgtype.BytesScanner.
func (c headerColumn) ScanBytes(text []byte) (err error) {
	*c.Header, err = engine.DecodeHeader(string(text))
	return err
}
