package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestOpenReportsWhyALedgerCannotBeOpened(t *testing.T) {
	tests := map[string]struct {
		prepare    func(t *testing.T, dir string)
		text, hint string
	}{
		"a newer version": {func(t *testing.T, dir string) {
			makeVersion(t, dir, len(migrations))
			execute(t, dir, fmt.Sprintf("PRAGMA user_version = %d", len(migrations)+1))
		}, "a newer version of narada wrote it", "update narada"},
		"a database of another program": {func(t *testing.T, dir string) {
			execute(t, dir, "CREATE TABLE t (a)")
		}, "it belongs to another program", "move it away"},
		"a file that is no database": {func(t *testing.T, dir string) {
			must(t, os.WriteFile(Path(dir), []byte(strings.Repeat("no database ", 1000)), 0o600))
		}, "damaged or not a ledger", "move it away"},
		"a damaged ledger": {func(t *testing.T, dir string) {
			makeVersion(t, dir, len(migrations))
			execute(t, dir, "PRAGMA journal_mode = DELETE")
			f, err := os.OpenFile(Path(dir), os.O_WRONLY, 0)
			must(t, err)
			_, err = f.WriteAt([]byte(strings.Repeat("\xff", 4000)), 100)
			must(t, err)
			must(t, f.Close())
		}, "the file is damaged", "move it away"},
		"a file instead of the folder": {func(t *testing.T, dir string) {
			must(t, os.Remove(dir))
			must(t, os.WriteFile(dir, nil, 0o600))
		}, "not a directory", "narada config set state-dir"},
		"a folder instead of the file": {func(t *testing.T, dir string) {
			must(t, os.Mkdir(Path(dir), 0o700))
		}, "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state")
			must(t, os.Mkdir(dir, 0o700))
			test.prepare(t, dir)
			_, err := Open(ctx, dir, Options{})
			e, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(e.Error(), test.text) || !strings.Contains(e.Hint(), test.hint) || strings.Contains(e.Error(), "\n") || !strings.Contains(e.Error(), dir) {
				t.Errorf("got %q, hint %q", e.Error(), e.Hint())
			}
		})
	}
}

func TestOpenReportsAReadOnlyFolder(t *testing.T) {
	if os.Getuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("root may write everywhere, and a mode means nothing on Windows")
	}
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o500))
	_, err := Open(ctx, dir, Options{})
	e, ok := errors.AsType[*Error](err)
	if !ok || !strings.Contains(e.Error(), "permission denied") || !strings.Contains(e.Hint(), "NARADA_STATE_DIR") {
		t.Errorf("got %v", err)
	}
}

func TestANetworkFileSystemIsRefused(t *testing.T) {
	e := &Error{"/state/ledger.db", networkError("NFS")}
	if !strings.Contains(e.Error(), "on a network file system (NFS)") || !strings.Contains(e.Hint(), "a local disk") {
		t.Errorf("got %q, hint %q", e.Error(), e.Hint())
	}
	if name := networkFileSystem(t.TempDir()); name != "" {
		t.Errorf("the temporary folder is on %s", name)
	}
}

// execute runs a statement on the database.
func execute(t *testing.T, dir, statement string) {
	t.Helper()
	withDatabase(t, dir, func(db *sql.DB) error {
		_, err := db.Exec(statement)
		return err
	})
}

func TestAWriteFailsOnlyWhileTheDiskIsFull(t *testing.T) {
	l := open(t, t.TempDir())
	tk := ticket("a")
	deliver(t, l, tk, final("req_1", tk, "42"))
	limit := func(pages int) {
		must(t, l.writer.put(ctx, &write{do: func(tx transaction) error { return tx.run(fmt.Sprintf("PRAGMA max_page_count = %d", pages)) }}))
	}
	limit(1)
	large := final("req_2", tk, strings.Repeat("x", 1<<20))
	err := l.Deliver(ctx, callback(t, tk, large))
	e, ok := errors.AsType[*Error](err)
	if !ok || !strings.Contains(e.Error(), "the disk is full") || !strings.Contains(e.Hint(), "free space") {
		t.Fatalf("got %v", err)
	}
	limit(1 << 30)
	if !deliver(t, l, tk, large) {
		t.Error("a callback that was not stored is taken for a repeat")
	}
}

func TestOpenWaitsForTheLockUpToALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		unlock, err := lock(ctx, filepath.Join(dir, lockName))
		must(t, err)
		begun := time.Now()
		if _, err := Open(ctx, dir, Options{}); !errors.Is(err, errBusy) || time.Since(begun) != openLimit {
			t.Errorf("got %v after %v", err, time.Since(begun))
		}
		soon, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if _, err := Open(soon, dir, Options{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		opened := make(chan error)
		go func() {
			l, err := Open(ctx, dir, Options{})
			if err == nil {
				err = l.Close()
			}
			opened <- err
		}()
		time.Sleep(openLimit / 2)
		unlock()
		must(t, <-opened)
	})
}
