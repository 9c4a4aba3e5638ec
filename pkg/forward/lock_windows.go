package forward

import "os"

// unlinked is not needed: few users of Windows may make links.
const unlinked = 0

// unlock closes the file, which unlocks it.
func unlock(lock *os.File) { _ = lock.Close() }

// inherited are none: the command ends with this process.
func inherited(*os.File) []*os.File { return nil }
