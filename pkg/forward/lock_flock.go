//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package forward

import (
	"errors"
	"os"
	"syscall"

	"github.com/narada-cli/narada/pkg/filelock"
)

// tryLock locks the file at path; ok is false if it is locked. It stays locked until unlock,
// or until the file is closed here and in the processes that have inherited it.
func tryLock(path string) (lock *os.File, ok bool, err error) {
	lock, err = os.OpenFile(path, os.O_CREATE|os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, false, err
	}
	if ok, err = filelock.TryLock(lock); !ok || err != nil {
		return nil, false, errors.Join(err, lock.Close())
	}
	return lock, true, nil
}

// unlock unlocks the file, whichever processes have it open, and closes it.
func unlock(lock *os.File) {
	_ = syscall.Flock(int(lock.Fd()), syscall.LOCK_UN) // it exists
	_ = lock.Close()
}

// inherited are the files that the command inherits, so that a lock outlives this process.
func inherited(lock *os.File) []*os.File { return []*os.File{lock} }
