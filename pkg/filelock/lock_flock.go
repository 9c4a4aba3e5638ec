//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package filelock

import (
	"errors"
	"os"
	"syscall"
)

func tryLock(f *os.File) (ok bool, err error) {
	for {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != syscall.EINTR {
			break
		}
	}
	switch {
	case err == nil, errors.Is(err, errors.ErrUnsupported), err == syscall.ENOLCK: // NFS without its lock service
		return true, nil
	case err == syscall.EWOULDBLOCK:
		return false, nil
	}
	return false, &os.PathError{Op: "lock", Path: f.Name(), Err: err}
}
