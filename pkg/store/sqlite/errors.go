package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Error says why a ledger cannot be used, in one line.
type Error struct {
	Path string
	Err  error
}

// newError is nil for nil.
func newError(path string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return &Error{path, err}
}

// The troubles that a ledger has itself.
var (
	errForeign = errors.New("it is a database of another program")
	errBusy    = errors.New("another process has kept it busy for too long")
	errClosed  = errors.New("it is closed")
	errNetwork = errors.New("processes cannot share a database there safely")
)

func networkError(kind string) error {
	return fmt.Errorf("the folder is on a network file system (%s): %w", kind, errNetwork)
}

// Error implements error.
func (e *Error) Error() string { return "the ledger " + e.Path + ": " + e.reason() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *Error) Hint() string {
	switch code := resultCode(e.Err); {
	case errors.Is(e.Err, errNewer):
		return "update narada, or give this version a folder of its own: NARADA_STATE_DIR"
	case code == sqlite3.SQLITE_CORRUPT, code == sqlite3.SQLITE_NOTADB, errors.Is(e.Err, errForeign):
		return "move it away, and a new one is begun; sqlite3 FILE .recover may save what is in it"
	case code == sqlite3.SQLITE_FULL, errors.Is(e.Err, syscall.ENOSPC):
		return "make room on the disk"
	case code == sqlite3.SQLITE_READONLY, code == sqlite3.SQLITE_CANTOPEN, errors.Is(e.Err, errNetwork), errors.Is(e.Err, fs.ErrPermission), errors.Is(e.Err, syscall.EROFS), errors.Is(e.Err, syscall.ENOTDIR):
		return "NARADA_STATE_DIR, or narada config set state-dir, names a folder on a local disk that can be written"
	}
	return ""
}

// reason words the cause.
func (e *Error) reason() string {
	switch resultCode(e.Err) {
	case sqlite3.SQLITE_READONLY:
		return "it cannot be written"
	case sqlite3.SQLITE_FULL:
		return "the disk is full"
	case sqlite3.SQLITE_CORRUPT:
		return "the file is damaged"
	case sqlite3.SQLITE_NOTADB:
		return "the file is damaged, or not a ledger"
	case sqlite3.SQLITE_CANTOPEN:
		return "it cannot be opened"
	case sqlite3.SQLITE_BUSY:
		return errBusy.Error()
	}
	if path, ok := errors.AsType[*fs.PathError](e.Err); ok {
		return fmt.Sprintf("%s: %v", path.Path, path.Err)
	}
	return strings.Join(strings.Fields(e.Err.Error()), " ")
}

// cannotWrite reports whether err is that nothing can be written, though it may be
// read.
func cannotWrite(err error) bool {
	switch resultCode(err) {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_BUSY:
		return true
	}
	return false
}

// resultCode is SQLite's primary result code, 0 for an error that is not its.
func resultCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}
