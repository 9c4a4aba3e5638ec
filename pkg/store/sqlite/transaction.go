package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// transaction is one of the writer's. Its statements are kept prepared, which
// database/sql's own transactions do not do.
//
// It takes no context: whoever waits for one of its writes may leave, and the
// others' go on.
type transaction struct{ ledger *Store }

// beginPause is how long a writer waits before it tries again to have its turn.
// SQLite's own waiting sleeps up to 100 ms at a time, and with another process that
// writes without a pause it never wakes at the right moment.
const beginPause = 500 * time.Microsecond

func (l *Store) begin() (transaction, error) {
	for waited := time.Now(); ; time.Sleep(beginPause) {
		_, err := l.conn.ExecContext(context.Background(), "BEGIN IMMEDIATE")
		if resultCode(err) != sqlite3.SQLITE_BUSY || time.Since(waited) > busyLimit {
			return transaction{l}, err
		}
	}
}

func (t transaction) commit() error {
	_, err := t.exec("COMMIT")
	return err
}

func (t transaction) rollback() error {
	_, err := t.exec("ROLLBACK")
	return err
}

// apart does what is done whole or not at all, without the others' fate: failed is
// its own error. err is that the transaction as a whole is lost, as it is where
// SQLite has taken it back, on a full disk.
func (t transaction) apart(do func(transaction) error) (failed, err error) {
	if _, err := t.exec("SAVEPOINT apart"); err != nil {
		return nil, err
	}
	if failed = do(t); failed != nil {
		if _, err := t.exec("ROLLBACK TO apart"); err != nil {
			return failed, errors.Join(failed, err)
		}
	}
	_, err = t.exec("RELEASE apart")
	return failed, err
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

// exists reports whether the query has a row.
func (t transaction) exists(query string, args ...any) (ok bool, err error) {
	rows, err := t.query(query, args...)
	if err != nil {
		return false, err
	}
	err = eachRow(rows, func() error {
		ok = true
		return nil
	})
	return ok, err
}

// checkpoint moves the log into the database, so far as the mode says: TRUNCATE,
// for one. blocked is that somebody reads or writes and that it has not all been
// done, for which it does not wait.
func (t transaction) checkpoint(mode string) (blocked bool, err error) {
	rows, err := t.query("PRAGMA wal_checkpoint(" + mode + ")")
	if err != nil {
		return resultCode(err) == sqlite3.SQLITE_BUSY, err
	}
	var pages, moved int64
	err = eachRow(rows, func() error { return rows.Scan(&blocked, &pages, &moved) })
	return blocked, err
}

// pragma runs a pragma and does not look at what it answers.
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

func milliseconds(t time.Time) int64 { return t.UnixMilli() }

func fromMilliseconds(n int64) time.Time { return time.UnixMilli(n).UTC() }
