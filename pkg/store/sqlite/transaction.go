package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// transaction is one of the writer's. It keeps its statements prepared, which those of
// database/sql do not. It takes no context: it has the writes of several callers.
type transaction struct{ ledger *Store }

// beginPause is the pause between attempts to lock the database. SQLite's own busy handler
// sleeps up to 100 ms, and starves beside a process that writes without a pause.
const beginPause = 500 * time.Microsecond

func (l *Store) begin() (transaction, error) {
	for began := time.Now(); ; time.Sleep(beginPause) {
		_, err := l.conn.ExecContext(context.Background(), "BEGIN IMMEDIATE")
		if resultCode(err) != sqlite3.SQLITE_BUSY || time.Since(began) > busyLimit {
			return transaction{l}, err
		}
	}
}

// isolated runs do in a savepoint, and returns its error as failed. err means that the
// whole transaction is lost, as when SQLite rolls it back on a full disk.
func (t transaction) isolated(do func(transaction) error) (failed, err error) {
	if err := t.run("SAVEPOINT one"); err != nil {
		return nil, err
	}
	if failed = do(t); failed != nil {
		if err := t.run("ROLLBACK TO one"); err != nil {
			return failed, errors.Join(failed, err)
		}
	}
	return failed, t.run("RELEASE one")
}

// each calls scan for each row of the query.
func (t transaction) each(scan func(scanner) error, query string, args ...any) error {
	prepared, err := t.prepare(query)
	if err != nil {
		return err
	}
	rows, err := prepared.Query(args...)
	return eachRow(rows, err, scan)
}

// change executes a statement and returns how many rows it has changed.
func (t transaction) change(statement string, args ...any) (rows int64, err error) {
	prepared, err := t.prepare(statement)
	if err != nil {
		return 0, err
	}
	r, err := prepared.Exec(args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// run executes a statement or a pragma.
func (t transaction) run(statement string, args ...any) error {
	_, err := t.change(statement, args...)
	return err
}

// runAll executes statements with the same arguments.
func (t transaction) runAll(statements []string, args ...any) error {
	for _, statement := range statements {
		if err := t.run(statement, args...); err != nil {
			return err
		}
	}
	return nil
}

// number returns the number in the only row of the query, 0 if there is none.
func (t transaction) number(query string, args ...any) (n int64, err error) {
	err = t.each(func(row scanner) error { return row.Scan(&n) }, query, args...)
	return n, err
}

// exists reports whether the query, which selects 1, has a row.
func (t transaction) exists(query string, args ...any) (bool, error) {
	n, err := t.number(query, args...)
	return n != 0, err
}

func (t transaction) prepare(statement string) (*sql.Stmt, error) {
	prepared := t.ledger.statements[statement]
	if prepared != nil {
		return prepared, nil
	}
	prepared, err := t.ledger.conn.PrepareContext(context.Background(), statement)
	if err == nil {
		t.ledger.statements[statement] = prepared
	}
	return prepared, err
}

func milliseconds(t time.Time) int64 { return t.UnixMilli() }
