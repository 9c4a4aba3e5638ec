package sqlite

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/narada-cli/narada/pkg/store"
)

// What is written to a deleted file is lost, although SQLite reports success.
func TestNothingIsAcknowledgedOnceTheFileIsGone(t *testing.T) {
	for name, lose := range map[string]func(dir string) error{
		"deleted":  func(dir string) error { return os.Remove(Path(dir)) },
		"moved":    func(dir string) error { return os.Rename(Path(dir), Path(dir)+".old") },
		"replaced": func(dir string) error { return os.Rename(filepath.Join(filepath.Dir(dir), "other"), Path(dir)) },
		"whole":    func(dir string) error { return os.Rename(dir, dir+".old") },
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			dir := filepath.Join(parent, "state")
			must(t, os.WriteFile(filepath.Join(parent, "other"), nil, 0o600))
			stored := 0
			l, err := Open(ctx, dir, Options{Stored: func(store.Entry) { stored++ }})
			must(t, err)
			deliver(t, l, ticket("a"), final("req_1", ticket("a"), "42"))
			if err := lose(dir); runtime.GOOS == "windows" && err != nil {
				must(t, l.Close())
				t.Skip("Windows keeps a file that is open: ", err)
			} else {
				must(t, err)
			}
			isNew, err := l.Store(ctx, callback(t, ticket("b"), final("req_2", ticket("b"), "43")), store.Forwarding{})
			failure, ok := errors.AsType[*Error](err)
			if isNew || !ok || !errors.Is(err, errMoved) || failure.Hint() == "" || stored != 1 {
				t.Errorf("new %v, %v, %d reported as stored", isNew, err, stored)
			}
			// It may be of a task in the ledger that is there now.
			if _, known, err := l.Ticket(ctx, ticket("c").Path); known || !errors.Is(err, errMoved) {
				t.Errorf("a ticket that is not in the file: %v, %v", known, err)
			}
			_ = l.Close() // its files are gone
		})
	}
}

// It is printed when it is sent again: it is not a repeat.
func TestACallbackThatWasRefusedIsNewOnceTheFileIsBack(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows keeps a file that is open")
	}
	dir, stored := t.TempDir(), 0
	l, err := Open(ctx, dir, Options{Stored: func(store.Entry) { stored++ }})
	must(t, err)
	must(t, os.Rename(Path(dir), Path(dir)+".old"))
	send := func() (bool, error) {
		return l.Store(ctx, callback(t, ticket("a"), final("req_1", ticket("a"), "42")), store.Forwarding{})
	}
	if _, err := send(); !errors.Is(err, errMoved) {
		t.Errorf("got %v", err)
	}
	must(t, os.Rename(Path(dir)+".old", Path(dir)))
	if isNew, err := send(); err != nil || !isNew || stored != 1 {
		t.Errorf("new %v, %v, %d reported as stored", isNew, err, stored)
	}
	must(t, l.Close())
}

func TestAVersionBelowZeroIsDamage(t *testing.T) {
	dir := t.TempDir()
	makeVersion(t, dir, 1)
	withDatabase(t, dir, func(db *sql.DB) error {
		_, err := db.Exec("PRAGMA user_version = -5")
		return err
	})
	_, err := Open(ctx, dir, Options{})
	if failure, ok := errors.AsType[*Error](err); !ok || !errors.Is(err, errDamaged) || failure.Hint() == "" {
		t.Errorf("got %v", err)
	}
}
