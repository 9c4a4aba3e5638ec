package forward

import (
	"errors"
	"os"

	"github.com/narada-cli/narada/pkg/filelock"
)

// tryLock locks the file at path; ok is false if it is locked. It stays locked until unlock,
// or until the file is closed here and in the processes that have inherited it.
func tryLock(path string) (lock *os.File, ok bool, err error) {
	lock, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR|unlinked, 0o600)
	if err != nil {
		return nil, false, err
	}
	if ok, err = filelock.TryLock(lock); !ok || err != nil {
		return nil, false, errors.Join(err, lock.Close())
	}
	return lock, true, nil
}
