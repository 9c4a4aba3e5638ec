package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/narada-cli/narada/pkg/oserr"
)

// Error is why a ledger cannot be used, in one line.
type Error struct {
	Where string // the server and the database; "": the URL is wrong
	Err   error
}

// newError is nil for nil.
func (l *Store) newError(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return &Error{l.where, err}
}

// Errors that are not the server's.
var (
	errNewer    = errors.New("a newer version of narada made its schema")
	errForeign  = errors.New("the schema belongs to another program")
	errEncoding = errors.New("its encoding is not UTF8")
	errStandby  = errors.New("it is a standby, which can only be read")
	errInDoubt  = errors.New("the connection was lost during a commit")
	errNotSync  = errors.New("the standby has not confirmed the commit")
)

// unsafeError is a setting of the server with which it may lose what it has committed.
type unsafeError struct{ name, value, want string }

func (e *unsafeError) Error() string {
	return fmt.Sprintf("the server may lose what was stored: %s is %s", e.name, e.value)
}

// oldError is a server that is too old.
type oldError struct{ version string }

func (e *oldError) Error() string {
	return fmt.Sprintf("PostgreSQL %s is too old: %d or later is needed", e.version, oldest)
}

// rightsError is what a role may not do, with what an administrator runs to allow it.
type rightsError struct {
	err error
	sql string
}

func (e *rightsError) Error() string { return e.err.Error() }
func (e *rightsError) Unwrap() error { return e.err }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Error implements error.
func (e *Error) Error() string {
	if e.Where == "" {
		return "the store: " + oneLine(e.Err)
	}
	return "the store " + e.Where + ": " + reason(e.Err)
}

// The error codes of PostgreSQL that are told apart.
const (
	codePassword        = "28P01" // and the class 28 for others
	codeNoDatabase      = "3D000"
	codeRights          = "42501"
	codeReadOnly        = "25006"
	codeFull            = "53100"
	codeTooMany         = "53300"
	codeStarting        = "57P03"
	codeDeadlock        = "40P01"
	codeSerialization   = "40001"
	codeUndefinedTable  = "42P01"
	codeUndefinedSchema = "3F000"
	codeReusedID        = "ND001" // raised by accept
	codeClaimLost       = "ND002" // raised by check_claim
)

// reasons are the server's errors in words.
var reasons = map[string]string{
	codeReadOnly: errStandby.Error(),
	codeFull:     "the disk of the server is full",
	codeTooMany:  "the server has no connection left",
	codeStarting: "the server is starting or stopping",
}

// reason words an error that is not about the URL.
func reason(err error) string {
	code := sqlState(err)
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		return cmp.Or(reasons[code], server.Message)
	}
	if connect, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return "it cannot be reached: " + oneLine(network(connect))
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "it does not answer"
	}
	return oneLine(err)
}

// network returns the cause of a failed connection, without the addresses around it.
func network(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		cause := op.Err
		if call, ok := errors.AsType[*os.SyscallError](cause); ok {
			cause = call.Err
		}
		return fmt.Errorf("%s: %w", op.Addr, oserr.Worded(cause))
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dns
	}
	return err
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// sqlState returns the server's error code, "" for another error.
func sqlState(err error) string {
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		return server.Code
	}
	return ""
}

// Hint returns what to do, "" if unknown.
func (e *Error) Hint() string {
	if rights, ok := errors.AsType[*rightsError](e.Err); ok {
		return "an administrator runs: " + rights.sql
	}
	if unsafe, ok := errors.AsType[*unsafeError](e.Err); ok {
		return fmt.Sprintf("an administrator runs: ALTER SYSTEM SET %s = %s; SELECT pg_reload_conf(); or use --allow-unsafe-store", unsafe.name, unsafe.want)
	}
	switch code := sqlState(e.Err); {
	case e.Where == "":
		return "narada config set store postgres://USER@HOST/DATABASE"
	case errors.Is(e.Err, errNewer):
		return "update narada"
	case errors.Is(e.Err, errForeign):
		return "set another schema: narada config set store-schema NAME"
	case errors.Is(e.Err, errStandby), code == codeReadOnly:
		return "name all servers, and add ?target_session_attrs=read-write to the URL"
	case code == codeNoDatabase:
		return "create it: createdb -h HOST DATABASE"
	case strings.HasPrefix(code, "28"):
		return "the password is in PGPASSWORD, or in the file that PGPASSFILE names"
	case code == codeFull:
		return "free space on the server's disk"
	case e.Unreachable():
		return "narada doctor"
	}
	return ""
}

// Unreachable reports whether the server was not reached, or cannot serve.
func (e *Error) Unreachable() bool {
	return disconnected(e.Err) || slices.Contains([]string{codeTooMany, codeStarting, codeReadOnly, codeFull}, sqlState(e.Err)) || errors.Is(e.Err, errStandby)
}

// Temporary reports whether the ledger may work again by itself.
func (e *Error) Temporary() bool {
	return e.Unreachable() || errors.Is(e.Err, errInDoubt) || errors.Is(e.Err, errNotSync)
}

// disconnected reports whether the error is that of a connection, which may be repeated
// with another one.
func disconnected(err error) bool {
	if code := sqlState(err); code != "" {
		return strings.HasPrefix(code, "57P") || strings.HasPrefix(code, "08") // ended by an administrator, or by a crash
	}
	_, isConnect := errors.AsType[*pgconn.ConnectError](err)
	_, isNetwork := errors.AsType[net.Error](err) // a timeout of ours too
	return isConnect || isNetwork || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		pgconn.SafeToRetry(err) || pgconn.Timeout(err)
}
