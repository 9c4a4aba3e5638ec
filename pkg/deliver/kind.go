package deliver

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strconv"
	"syscall"
)

// Kind returns the outcome of the attempt in a few words: the status of the answer, or why
// there was none.
func (a Attempt) Kind() string {
	_, isDNS := errors.AsType[*net.DNSError](a.Err)
	_, isCertificate := errors.AsType[*tls.CertificateVerificationError](a.Err)
	_, isRecord := errors.AsType[tls.RecordHeaderError](a.Err)
	operation, isOperation := errors.AsType[*net.OpError](a.Err)
	timeout, isNet := errors.AsType[net.Error](a.Err)
	switch {
	case a.StatusCode != 0:
		return strconv.Itoa(a.StatusCode)
	case isDNS:
		return "name not found"
	case isCertificate:
		return "bad certificate"
	case isRecord || errors.Is(a.Err, http.ErrSchemeMismatch) || isOperation && operation.Op == "remote error": // a TLS alert
		return "no TLS"
	case errors.Is(a.Err, context.DeadlineExceeded) || isNet && timeout.Timeout():
		return "no answer in time"
	case errors.Is(a.Err, syscall.ECONNREFUSED):
		return "connection refused"
	}
	return "connection broken"
}
