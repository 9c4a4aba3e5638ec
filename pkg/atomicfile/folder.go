package atomicfile

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/narada-cli/narada/pkg/filelock"
	"github.com/narada-cli/narada/pkg/textfile"
)

// lockName is the file in a temporary folder that its process has locked.
const lockName = ".lock"

// TemporaryFolder creates a temporary folder whose name begins with prefix, which must be
// the same for all of a kind: those that killed processes have left are removed. remove
// removes the folder.
func TemporaryFolder(prefix string) (dir string, remove func(), err error) {
	abandoned, _ := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*", lockName)) // the pattern is valid
	for _, path := range abandoned {
		removeAbandoned(path)
	}
	if dir, err = os.MkdirTemp("", prefix); err != nil {
		return "", nil, err
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return dir, func() {
		_ = lock.Close() // Windows removes no open file
		_ = os.RemoveAll(dir)
	}, nil
}

// removeAbandoned removes the folder of a lock that no process has. A folder has the lock by
// its name only once it is locked.
func removeAbandoned(path string) {
	lock, err := textfile.OpenUnlinked(path)
	if err != nil {
		return
	}
	ok, err := filelock.TryLock(lock)
	_ = lock.Close()
	if ok && err == nil {
		_ = os.RemoveAll(filepath.Dir(path)) // fails for another user's
	}
}

func lockFolder(dir string) (*os.File, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	lock, name, err := Temporary(root, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err = filelock.TryLock(lock); err == nil { // nobody else knows it
		err = root.Rename(name, lockName)
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}
