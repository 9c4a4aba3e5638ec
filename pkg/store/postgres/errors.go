package postgres

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/narada-cli/narada/pkg/oserr"
	"github.com/narada-cli/narada/pkg/store"
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
	err = l.withSQL(err, codeRights, grantAll)
	return &Error{l.where, l.withSQL(err, codeNoDatabase, createDatabase)}
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
type unsafeError struct{ name, value string }

func (e *unsafeError) Error() string {
	return fmt.Sprintf("the server may lose what was stored: %s is %s", e.name, e.value)
}

func isUnsafe(err error) bool {
	_, ok := errors.AsType[*unsafeError](err)
	return ok
}

// oldError is a server that is too old.
type oldError struct{ version string }

func (e *oldError) Error() string {
	return fmt.Sprintf("PostgreSQL %s is too old: %d or later is needed", e.version, oldest)
}

// adminError is an error with what an administrator runs against it.
type adminError struct {
	err error
	sql string
}

func (e *adminError) Error() string { return e.err.Error() }
func (e *adminError) Unwrap() error { return e.err }

// What a role needs: to use the tables of another one, and to create them.
const (
	grantAll       = "GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {role}; GRANT ALL ON ALL SEQUENCES IN SCHEMA {schema} TO {role}"
	grantCreate    = "GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}"
	createSchema   = "CREATE SCHEMA {schema} AUTHORIZATION {role}"
	createDatabase = "CREATE DATABASE {database} OWNER {role} ENCODING 'UTF8' TEMPLATE template0"
)

// withSQL adds what an administrator runs to an error that has the code.
func (l *Store) withSQL(err error, code, format string) error {
	if _, ok := errors.AsType[*adminError](err); ok || sqlState(err) != code {
		return err
	}
	c := l.pool.Config().ConnConfig
	return &adminError{err, strings.NewReplacer("{schema}", quoted(l.o.Schema), "{role}", quoted(c.User), "{database}", quoted(c.Database)).Replace(format)}
}

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
	codePassword      = "28P01"
	codeRole          = "28000" // there is none, or it may not connect
	codeNoDatabase    = "3D000"
	codeRights        = "42501"
	codeReadOnly      = "25006"
	codeFull          = "53100"
	codeIO            = "58030"
	codeTooMany       = "53300"
	codeStarting      = "57P03"
	codeDeadlock      = "40P01"
	codeSerialization = "40001"
	codeCancelled     = "57014" // by an administrator, or after statement_timeout
	codeLockTimeout   = "55P03"
	codeNoColumn      = "42703"
	codeReusedID      = "ND001" // raised by accept
	codeLeaseLost     = "ND002" // raised by check_lease
	codeClaimLost     = "ND003" // raised by check_claim
)

// classResources begins the codes of a server that has too little of something, as of its disk
// or its memory.
const classResources = "53"

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
	if refused, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "its certificate is refused: " + oneLine(refused.Err)
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
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Addr != nil {
		cause := op.Err
		if call, ok := errors.AsType[*os.SyscallError](cause); ok {
			cause = call.Err
		}
		return fmt.Errorf("%s: %w", op.Addr, oserr.Worded(cause))
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Errorf("%s: %s", dns.Name, dns.Err)
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
	if admin, ok := errors.AsType[*adminError](e.Err); ok {
		return "an administrator runs: " + admin.sql
	}
	if unsafe, ok := errors.AsType[*unsafeError](e.Err); ok {
		return fmt.Sprintf("an administrator runs: ALTER SYSTEM SET %s = on; SELECT pg_reload_conf(); or use --allow-unsafe-store", unsafe.name)
	}
	_, isRefused := errors.AsType[*tls.CertificateVerificationError](e.Err)
	switch code := sqlState(e.Err); {
	case e.Where == "":
		return "narada config set store postgres://USER@HOST/DATABASE"
	case errors.Is(e.Err, errNewer):
		return "update narada"
	case errors.Is(e.Err, errForeign):
		return "set another schema: narada config set store-schema NAME"
	case errors.Is(e.Err, errStandby), code == codeReadOnly:
		return "name all servers, and add ?target_session_attrs=read-write to the URL"
	case errors.Is(e.Err, errEncoding):
		return "use another database: CREATE DATABASE NAME ENCODING 'UTF8' TEMPLATE template0"
	case isRefused:
		return "name the file of its authority in the URL: sslrootcert=FILE"
	case code == codeRole:
		return "check the user in the URL, and pg_hba.conf on the server"
	case code == codePassword:
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
	return disconnected(e.Err) || slices.Contains([]string{codeTooMany, codeStarting, codeReadOnly, codeFull}, sqlState(e.Err)) || errors.Is(e.Err, errStandby) || isUnsafe(e.Err)
}

// NotSync reports whether a commit has not reached the standby. It is there as long as the
// server is not lost.
func (e *Error) NotSync() bool { return errors.Is(e.Err, errNotSync) }

// Temporary reports whether the ledger may work again by itself.
func (e *Error) Temporary() bool { return temporary(e.Err) }

func temporary(err error) bool {
	code := sqlState(err)
	return repeatable(err) || strings.HasPrefix(code, classResources) || code == codeIO || errors.Is(err, errNotSync)
}

// repeatable reports whether the same may succeed soon.
func repeatable(err error) bool {
	switch sqlState(err) {
	case codeDeadlock, codeSerialization, codeTooMany, codeStarting, codeReadOnly, codeCancelled, codeLockTimeout:
		return true
	}
	return disconnected(err) || errors.Is(err, errInDoubt) || errors.Is(err, errStandby) || isUnsafe(err)
}

// disconnected reports whether the error is that of a connection, which may be repeated
// with another one.
func disconnected(err error) bool {
	_, isRefused := errors.AsType[*tls.CertificateVerificationError](err)
	if _, isDamaged := errors.AsType[*store.DamagedError](err); isDamaged || isRefused {
		return false
	}
	if code := sqlState(err); code != "" {
		return strings.HasPrefix(code, "57P") || strings.HasPrefix(code, "08") // ended by an administrator, or by a crash
	}
	_, isConnect := errors.AsType[*pgconn.ConnectError](err)
	_, isNetwork := errors.AsType[net.Error](err) // a timeout of ours too
	return isConnect || isNetwork || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		pgconn.SafeToRetry(err) || pgconn.Timeout(err)
}
