package sqlite

import (
	"fmt"
	"sync/atomic"
	"testing"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// syncs counts the calls of xSync, by which SQLite syncs a file, while countSyncs is in
// effect.
var syncs atomic.Int64

// The functions of the counting file system. SQLite stores their bare addresses, so they
// must be variables of the package.
var (
	plainVFS     *sqlite3.Tsqlite3_vfs
	plainMethods *sqlite3.Tsqlite3_io_methods
	countingOpen = func(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32 {
		rc := call[func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32](plainVFS.FxOpen)(tls, vfs, name, file, flags, out)
		if f := at[sqlite3.Tsqlite3_file](file); rc == sqlite3.SQLITE_OK && f.FpMethods != 0 {
			plainMethods = at[sqlite3.Tsqlite3_io_methods](f.FpMethods)
			counting := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(*plainMethods)))
			methods := at[sqlite3.Tsqlite3_io_methods](counting)
			*methods = *plainMethods
			methods.FxSync = address(&countingSync)
			f.FpMethods = counting
		}
		return rc
	}
	countingSync = func(tls *libc.TLS, file uintptr, flags int32) int32 {
		syncs.Add(1)
		return call[func(*libc.TLS, uintptr, int32) int32](plainMethods.FxSync)(tls, file, flags)
	}
)

func at[T any](pointer uintptr) *T { return *(**T)(unsafe.Pointer(&pointer)) }

func call[F any](function uintptr) F { return *(*F)(unsafe.Pointer(&struct{ uintptr }{function})) }

func address[F any](f *F) uintptr { return *(*uintptr)(unsafe.Pointer(f)) }

// countSyncs makes a counting file system SQLite's default until the test ends.
func countSyncs(t *testing.T) {
	tls := libc.NewTLS()
	plain := sqlite3.Xsqlite3_vfs_find(tls, 0)
	plainVFS = at[sqlite3.Tsqlite3_vfs](plain)
	copied := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(*plainVFS)))
	vfs := at[sqlite3.Tsqlite3_vfs](copied)
	*vfs = *plainVFS
	name, err := libc.CString("counting")
	must(t, err)
	vfs.FzName, vfs.FxOpen = name, address(&countingOpen)
	if rc := sqlite3.Xsqlite3_vfs_register(tls, copied, 1); rc != sqlite3.SQLITE_OK {
		t.Fatalf("sqlite3_vfs_register: %d", rc)
	}
	t.Cleanup(func() {
		sqlite3.Xsqlite3_vfs_unregister(tls, copied)
		sqlite3.Xsqlite3_vfs_register(tls, plain, 1)
		tls.Close()
	})
}

func TestEveryAcknowledgementFollowsASync(t *testing.T) {
	countSyncs(t)
	l := open(t, t.TempDir())
	tk := ticket("a")
	for i := range 20 {
		before := syncs.Load()
		deliver(t, l, tk, final(fmt.Sprint("req_", i), tk, "42"))
		if syncs.Load() == before {
			t.Fatalf("callback %d was acknowledged without a sync", i)
		}
	}
	before := syncs.Load()
	intend(t, l, ticket("b"), "p")
	if syncs.Load() == before {
		t.Error("an intent was reported as durable without a sync")
	}
}

func TestTheWriterIsFullySynchronous(t *testing.T) {
	l := open(t, t.TempDir())
	const full = 2
	for name, want := range map[string]any{"synchronous": int64(full), "journal_mode": "wal", "wal_autocheckpoint": int64(0), "secure_delete": int64(1)} {
		must(t, l.writer.put(ctx, &write{do: func(tx transaction) error {
			return tx.each(func(row scanner) error {
				got, err := plain[any](row)
				if got != want {
					t.Errorf("%s is %v, want %v", name, got, want)
				}
				return err
			}, "PRAGMA "+name)
		}}))
	}
}
