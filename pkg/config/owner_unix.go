//go:build unix

package config

import (
	"os"
	"syscall"
)

// ownedByUs reports whether the file at path belongs to the current user.
func ownedByUs(path string) (bool, error) {
	info, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid(), nil
}
