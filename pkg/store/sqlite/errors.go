package sqlite

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/narada-cli/narada/pkg/oserr"
)

// Error is why a ledger cannot be used, in one line.
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

// Errors that are not SQLite's.
var (
	errForeign = errors.New("it belongs to another program")
	errBusy    = errors.New("another process has locked it for too long")
	errDamaged = errors.New("the file is damaged")
	errMoved   = errors.New("the file was deleted, moved or replaced while it was in use")
	errNetwork = errors.New("processes cannot share a database there safely")
)

func networkError(kind string) error {
	return fmt.Errorf("the folder is on a network file system (%s): %w", kind, errNetwork)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether the ledger may work again by itself, as once the disk has space.
func (e *Error) Temporary() bool {
	return oserr.Full(e.Err) || errors.Is(e.Err, errBusy) || slices.Contains([]int{sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PROTOCOL}, resultCode(e.Err))
}

// DamageHint says what to do about a damaged ledger.
const DamageHint = "move it away to start a new one; sqlite3 FILE .recover may save its content"

// Damaged reports whether the ledger is damaged, or none.
func (e *Error) Damaged() bool {
	code := resultCode(e.Err)
	return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB || errors.Is(e.Err, errForeign) || errors.Is(e.Err, errDamaged)
}

// Hint returns what to do, "" if unknown.
func (e *Error) Hint() string {
	switch code := resultCode(e.Err); {
	case errors.Is(e.Err, errNewer):
		return "update narada, or set NARADA_STATE_DIR to another folder"
	case errors.Is(e.Err, errMoved):
		return "put it back, or start the command again, with a new ledger"
	case e.Damaged():
		return DamageHint
	case code == sqlite3.SQLITE_FULL, code == sqlite3.SQLITE_IOERR, oserr.Full(e.Err):
		return "free space on the disk, and check it"
	case code == sqlite3.SQLITE_READONLY, code == sqlite3.SQLITE_CANTOPEN, errors.Is(e.Err, errNetwork), errors.Is(e.Err, fs.ErrPermission), oserr.ReadOnly(e.Err):
		return "set a writable folder on a local disk: narada config set state-dir DIR"
	}
	return ""
}

// reasons are SQLite's errors in words.
var reasons = map[int]string{
	sqlite3.SQLITE_READONLY: "it is read-only",
	sqlite3.SQLITE_FULL:     "the disk is full",
	sqlite3.SQLITE_IOERR:    "the disk is full or fails (I/O error)",
	sqlite3.SQLITE_CORRUPT:  errDamaged.Error(),
	sqlite3.SQLITE_NOTADB:   "the file is damaged or not a ledger",
	sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
	sqlite3.SQLITE_BUSY:     errBusy.Error(),
}

// Error implements error.
func (e *Error) Error() string {
	text := strings.Join(strings.Fields(e.Err.Error()), " ")
	if path, ok := errors.AsType[*fs.PathError](e.Err); ok {
		text = fmt.Sprintf("%s: %v", path.Path, oserr.Worded(path.Err))
	}
	return "the ledger " + e.Path + ": " + cmp.Or(reasons[resultCode(e.Err)], text)
}

// cannotWrite reports whether the ledger can be read but not written.
func cannotWrite(err error) bool {
	return slices.Contains([]int{sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_BUSY}, resultCode(err))
}

// resultCode returns SQLite's primary result code, 0 for another error.
func resultCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}
