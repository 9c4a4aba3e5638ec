package postgres

import (
	"crypto/rand"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/storetest"
)

// smallTablespace gives the server's tables, from now on, a file system of that many
// megabytes. It returns how to change them.
func smallTablespace(t *testing.T, folder string, megabytes int) (resize func(megabytes int)) {
	t.Helper()
	var owner syscall.Stat_t
	must(t, syscall.Stat(folder, &owner))
	mount := func(flags uintptr, megabytes int) error {
		return syscall.Mount("tmpfs", folder, "tmpfs", flags, fmt.Sprintf("size=%dm,uid=%d,gid=%d,mode=0700", megabytes, owner.Uid, owner.Gid))
	}
	if err := mount(0, megabytes); err != nil {
		t.Skipf("a file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { check(t, syscall.Unmount(folder, syscall.MNT_DETACH)) })
	return func(megabytes int) { must(t, mount(syscall.MS_REMOUNT, megabytes)) }
}

func TestAServerWhoseDiskIsFull(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can mount a small file system")
	}
	s := newServer(t)
	folder, err := s.Folder("small")
	must(t, err)
	resize := smallTablespace(t, folder, 8)
	exec(t, s, "CREATE TABLESPACE small LOCATION '"+folder+"'", "ALTER DATABASE postgres SET default_tablespace = small")
	w := open(t, Options{URL: s.URL("postgres")})
	deliver := func(i int) error {
		noise := make([]byte, 256<<10) // which cannot be compressed
		_, _ = rand.Read(noise)
		_, err := w.Writes.Store(ctx, storetest.Callback("a", fmt.Sprint("req_", i), fmt.Sprintf("%x", noise)), store.Forwarding{})
		return err
	}
	var stored []string
	for err == nil && len(stored) < 100 {
		if err = deliver(len(stored)); err == nil {
			stored = append(stored, fmt.Sprint("req_", len(stored)))
		}
	}
	full := described{Message: "the store " + w.where + ": the disk of the server is full", Hint: "free space on the server's disk", Unreachable: true, Temporary: true}
	for range 3 {
		same(t, "failure", full, describe(asError(t, err)))
		err = deliver(len(stored))
	}
	same(t, "callbacks", stored, w.ids())
	resize(64)
	must(t, deliver(len(stored)))
	same(t, "callbacks", append(stored, fmt.Sprint("req_", len(stored))), w.ids())
}
