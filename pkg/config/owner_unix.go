//go:build unix

package config

import (
	"os"
	"syscall"
)

// notOurs says why another user may have written the file, "" if none can.
func notOurs(f *os.File) string {
	info, err := f.Stat()
	if err != nil {
		return "cannot be examined"
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok || int(stat.Uid) != os.Getuid():
		return "belongs to another user"
	case info.Mode().Perm()&0o002 != 0:
		return "can be written by other users"
	}
	return ""
}
