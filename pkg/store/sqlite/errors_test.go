package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/narada-cli/narada/pkg/store"
)

// A person has to do something about the others.
func TestErrorsThatMayPassAreTemporary(t *testing.T) {
	statement := func(text string) func(*testing.T, string) error {
		return func(t *testing.T, dir string) (failed error) {
			withDatabase(t, dir, func(db *sql.DB) error {
				db.SetMaxOpenConns(1)
				_, failed = db.Exec(text)
				return nil
			})
			return failed
		}
	}
	is := func(err error) func(*testing.T, string) error {
		return func(*testing.T, string) error { return err }
	}
	const create = "CREATE TABLE t (a)"
	for name, test := range map[string]struct {
		fail func(t *testing.T, dir string) error
		want bool
	}{
		"a full disk": {statement("PRAGMA max_page_count = 1; " + create), true},
		"a full disk, as the system says it": {func(*testing.T, string) error {
			return &fs.PathError{Op: "open", Path: "ledger.db", Err: syscall.ENOSPC}
		}, true},
		"locked by another process": {func(t *testing.T, dir string) (failed error) {
			withDatabase(t, dir, func(db *sql.DB) error {
				other, err := db.Conn(ctx)
				must(t, err)
				tx, err := db.Begin()
				must(t, err)
				_, failed = other.ExecContext(ctx, "PRAGMA busy_timeout = 0; BEGIN IMMEDIATE")
				return errors.Join(tx.Rollback(), other.Close())
			})
			return failed
		}, true},
		"locked for too long": {is(errBusy), true},
		"read-only":           {statement("PRAGMA query_only = 1; " + create), false},
		"no table":            {statement("SELECT 1 FROM nothing"), false},
		"no column":           {statement("SELECT nothing FROM tasks"), false},
		"damaged": {func(t *testing.T, dir string) error {
			execute(t, dir, "PRAGMA journal_mode = DELETE")
			f, err := os.OpenFile(Path(dir), os.O_WRONLY, 0)
			must(t, err)
			_, err = f.WriteAt([]byte(strings.Repeat("\xff", 4000)), 100)
			must(t, errors.Join(err, f.Close()))
			return statement("SELECT * FROM tasks")(t, dir)
		}, false},
		"not a database": {func(t *testing.T, dir string) error {
			must(t, os.WriteFile(Path(dir), []byte(strings.Repeat("no database ", 1000)), 0o600))
			return statement("SELECT * FROM tasks")(t, dir)
		}, false},
		"damaged content": {is(&store.DamagedError{Err: errDamaged}), false},
		"newer":           {is(errNewer), false},
		"moved":           {is(errMoved), false},
		"no permission": {func(*testing.T, string) error {
			return &fs.PathError{Op: "open", Path: "ledger.db", Err: fs.ErrPermission}
		}, false},
		"no error": {is(nil), false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			makeVersion(t, dir, len(migrations))
			err := test.fail(t, dir)
			if err == nil && name != "no error" {
				t.Fatal("it does not fail")
			}
			if got := store.Temporary(fmt.Errorf("a batch: %w", newError(Path(dir), err))); got != test.want {
				t.Errorf("temporary: %v, of %v", got, err)
			}
		})
	}
}
