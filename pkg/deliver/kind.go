package deliver

import (
	"context"
	"crypto/tls"
	"errors"
	"math"
	"net"
	"net/http"
	"strconv"

	"github.com/narada-cli/narada/pkg/oserr"
)

// How often a callback is sent at most, by how its attempts fail.
const (
	once    = 1 // a retry does not change the outcome
	few     = 5 // it may, but a mistake is more likely
	anyTime = math.MaxInt
)

// kind is a kind of outcome of an attempt.
type kind struct {
	text     string // in a few words
	attempts int    // at most
}

// Kind returns the outcome of the attempt in a few words: the status of the answer, or why
// there was none.
func (a Attempt) Kind() string { return a.kind().text }

// Temporary reports whether a retry may succeed. It may not after an answer other than 408,
// 429 and 5xx, with a bad certificate, without TLS, or if the address is invalid or a proxy
// refuses it.
func (a Attempt) Temporary() bool { return a.kind().attempts > once }

// retryable reports whether the attempt may be followed by another: after a name that was
// not found by a few.
func (a Attempt) retryable() bool { return a.Number < a.kind().attempts }

func (a Attempt) kind() kind {
	if a.StatusCode != 0 {
		return ofStatus(strconv.Itoa(a.StatusCode), a.StatusCode)
	}
	proxy, isProxy := errors.AsType[interface {
		error
		ProxyStatus() int
	}](a.Err)
	switch {
	case isProxy:
		return ofStatus("refused by the proxy", proxy.ProxyStatus())
	case is[*InvalidError](a.Err) || is[*net.AddrError](a.Err): // a port that cannot be
		return kind{"not a valid request", once}
	case is[*tls.CertificateVerificationError](a.Err):
		return kind{"bad certificate", once}
	case is[tls.RecordHeaderError](a.Err) || errors.Is(a.Err, http.ErrSchemeMismatch):
		return kind{"no TLS", once}
	}
	return ofNetwork(a.Err)
}

// ofStatus is the kind of an answer.
func ofStatus(text string, status int) kind {
	if status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500 {
		return kind{text, anyTime}
	}
	return kind{text, once}
}

// ofNetwork is the kind of a failure of the network.
func ofNetwork(err error) kind {
	name, isName := errors.AsType[*net.DNSError](err)
	operation, isOperation := errors.AsType[*net.OpError](err)
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case isName && name.IsNotFound:
		return kind{"name not found", few}
	case isName:
		return kind{"name not found", anyTime}
	case isOperation && operation.Op == "remote error": // a TLS alert
		return kind{"no TLS", few}
	case errors.Is(err, context.DeadlineExceeded) || isNet && timeout.Timeout():
		return kind{"no answer in time", anyTime}
	case oserr.Refused(err):
		return kind{"connection refused", anyTime}
	}
	return kind{"connection broken", anyTime}
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
