//go:build unix

package forward

import (
	"os"
	"syscall"
)

// unlinked follows no link, and waits for no writer of a pipe.
const unlinked = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// unlock unlocks the file, whichever processes have it open, and closes it.
func unlock(lock *os.File) {
	_ = syscall.Flock(int(lock.Fd()), syscall.LOCK_UN) // it exists
	_ = lock.Close()
}

// inherited are the files that the command inherits, so that a lock outlives this process.
func inherited(lock *os.File) []*os.File { return []*os.File{lock} }
