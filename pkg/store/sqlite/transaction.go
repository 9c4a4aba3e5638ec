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

func (t transaction) exec(statement string, args ...any) (sql.Result, error) {
	prepared, err := t.prepare(statement)
	if err != nil {
		return nil, err
	}
	return prepared.Exec(args...)
}

func (t transaction) query(statement string, args ...any) (*sql.Rows, error) {
	prepared, err := t.prepare(statement)
	if err != nil {
		return nil, err
	}
	return prepared.Query(args...)
}

// run executes a statement.
func (t transaction) run(statement string, args ...any) error {
	_, err := t.exec(statement, args...)
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

// insert executes an INSERT and returns the number of the new row, 0 if there is none.
func (t transaction) insert(statement string, args ...any) (number int64, err error) {
	r, err := t.exec(statement, args...)
	if err != nil {
		return 0, err
	}
	if rows, err := r.RowsAffected(); rows == 0 || err != nil {
		return 0, err
	}
	return r.LastInsertId()
}

// change executes a statement and returns how many rows it has changed.
func (t transaction) change(statement string, args ...any) (rows int64, err error) {
	r, err := t.exec(statement, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// number returns the number in the first row of the query, 0 if there is none.
func (t transaction) number(query string, args ...any) (n int64, err error) {
	rows, err := t.query(query, args...)
	if err != nil {
		return 0, err
	}
	err = eachRow(rows, func() error { return rows.Scan(&n) })
	return n, err
}

// exists reports whether the query, which selects 1, has a row.
func (t transaction) exists(query string, args ...any) (bool, error) {
	n, err := t.number(query, args...)
	return n != 0, err
}

// pragma runs a pragma and ignores its result.
func (t transaction) pragma(text string) error {
	rows, err := t.query("PRAGMA " + text)
	if err != nil {
		return err
	}
	return eachRow(rows, func() error { return nil })
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
