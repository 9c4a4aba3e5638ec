//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package filelock

import "os"

func tryLock(*os.File) (ok bool, err error) { return true, nil }
