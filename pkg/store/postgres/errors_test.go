package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/narada-cli/narada/pkg/store"
)

// A person has to do something about the others.
func TestErrorsThatMayPassAreTemporary(t *testing.T) {
	code := func(code string) error { return fmt.Errorf("a query: %w", &pgconn.PgError{Code: code}) }
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"a full disk":               {code(codeFull), true},
		"an I/O error":              {code(codeIO), true},
		"no memory":                 {code("53200"), true},
		"no connection left":        {code(codeTooMany), true},
		"starting":                  {code(codeStarting), true},
		"ended by an administrator": {code("57P01"), true},
		"ended by a crash":          {code("57P02"), true},
		"a pooler's server":         {code("08P01"), true},
		"a deadlock":                {code(codeDeadlock), true},
		"not serializable":          {code(codeSerialization), true},
		"a time limit":              {code(codeCancelled), true},
		"a lock":                    {code(codeLockTimeout), true},
		"become a standby":          {code(codeReadOnly), true},
		"a standby":                 {errStandby, true},
		"an unconfirmed commit":     {errNotSync, true},
		"a commit in doubt":         {errInDoubt, true},
		"unsafe settings":           {&unsafeError{"fsync", "off"}, true},
		"a lost connection":         {fmt.Errorf("read: %w", io.ErrUnexpectedEOF), true},
		"a refused connection":      {&net.OpError{Op: "dial", Err: io.EOF}, true},
		"a host that is unknown":    {&net.DNSError{Name: "db"}, true},
		"no answer":                 {context.DeadlineExceeded, true},

		"no rights":           {code(codeRights), false},
		"a wrong password":    {code(codePassword), false},
		"no such role":        {code(codeRole), false},
		"no such database":    {code(codeNoDatabase), false},
		"no table":            {code("42P01"), false},
		"no column":           {code(codeNoColumn), false},
		"damaged data":        {code("XX001"), false},
		"a damaged index":     {code("XX002"), false},
		"wrong data":          {code("22000"), false},
		"another encoding":    {errEncoding, false},
		"a newer schema":      {errNewer, false},
		"another program":     {errForeign, false},
		"too old":             {&oldError{"14.1"}, false},
		"a wrong certificate": {fmt.Errorf("tls: %w", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), false},
		"damaged content":     {&store.DamagedError{Err: io.EOF}, false},
		"closed":              {context.Canceled, false},
	} {
		if got := store.Temporary(fmt.Errorf("a batch: %w", &Error{"db", test.err})); got != test.want {
			t.Errorf("%s is temporary: %v", name, got)
		}
	}
}
