package deliver

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"slices"
	"strconv"
	"syscall"
	"time"
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

// Statistics summarize attempts. The zero value is ready to use; it is not safe for
// concurrent use.
type Statistics struct {
	kinds     map[string]int
	durations []time.Duration
	accepted  int
	sorted    bool
}

// Add counts an attempt.
func (s *Statistics) Add(a Attempt) {
	if s.kinds == nil {
		s.kinds = map[string]int{}
	}
	s.kinds[a.Kind()]++
	s.durations, s.sorted = append(s.durations, a.Duration), false
	if a.Accepted() {
		s.accepted++
	}
}

// Count returns the number of attempts.
func (s *Statistics) Count() int { return len(s.durations) }

// Accepted returns how many attempts were answered 2xx.
func (s *Statistics) Accepted() int { return s.accepted }

// Kinds returns the number of attempts of each Attempt.Kind.
func (s *Statistics) Kinds() map[string]int {
	if s.kinds == nil {
		return map[string]int{} // in JSON an object
	}
	return s.kinds
}

// Percentile returns the percentile of the attempts' durations (nearest rank: 50 is the
// median), 0 if there are none.
func (s *Statistics) Percentile(percent float64) time.Duration {
	if len(s.durations) == 0 {
		return 0
	}
	if !s.sorted {
		slices.Sort(s.durations)
		s.sorted = true
	}
	rank := int(percent / 100 * float64(len(s.durations)))
	if float64(rank) < percent/100*float64(len(s.durations)) {
		rank++
	}
	return s.durations[min(max(rank, 1), len(s.durations))-1]
}
