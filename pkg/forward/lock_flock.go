//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package forward

import (
	"errors"
	"os"
	"syscall"
)

// tryLock locks the file at path; ok is false if it is locked. It stays locked until unlock,
// or until the file is closed here and in the processes that have inherited it.
func tryLock(path string) (lock *os.File, ok bool, err error) {
	lock, err = os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o600)
	if err != nil {
		return nil, false, err
	}
	for {
		if err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != syscall.EINTR {
			break
		}
	}
	switch err {
	case nil:
		return lock, true, nil
	case syscall.EWOULDBLOCK:
		return nil, false, lock.Close()
	}
	return nil, false, errors.Join(&os.PathError{Op: "lock", Path: path, Err: err}, lock.Close())
}

// unlock unlocks the file, whichever processes have it open, and closes it.
func unlock(lock *os.File) {
	_ = syscall.Flock(int(lock.Fd()), syscall.LOCK_UN) // it exists
	_ = lock.Close()
}

// inherited are the files that the command inherits, so that a lock outlives this process.
func inherited(lock *os.File) []*os.File { return []*os.File{lock} }
