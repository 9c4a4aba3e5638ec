package sqlite

import "golang.org/x/sys/unix"

// networkFileSystem returns the type of dir's network file system, "" for a local one.
func networkFileSystem(dir string) string {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil || s.Flags&unix.MNT_LOCAL != 0 {
		return ""
	}
	return unix.ByteSliceToString(s.Fstypename[:])
}
