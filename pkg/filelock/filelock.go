// Package filelock locks open files. A lock ends when its file is closed in every process
// that has it, however these processes end.
//
// The package is private to narada.
package filelock

import "os"

// TryLock locks the file; ok is false if another open file has locked it. Readers and
// writers are not kept out. Where the file system has no locks, ok is true. A network file
// system may lock only a file that is open for writing.
func TryLock(f *os.File) (ok bool, err error) { return tryLock(f) }
