// Package deliver sends callbacks: the POST with a task's result that Narada
// Cloud sends to a dispatch's callbackUrl, tried again until it is accepted.
//
// A callback is accepted when it is answered 2xx. Redirects are not followed,
// as what they lead to is not who the callback's secrets are for.
//
// The package is private to narada.
package deliver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// The values that a Sender uses for fields that are zero.
const (
	DefaultFirst   = 500 * time.Millisecond
	DefaultMost    = 30 * time.Second
	DefaultTimeout = 10 * time.Second
)

// How many bytes of an answer are read, for the connection to be used again, and
// how many of them are kept.
const (
	maxAnswer  = 64 << 10
	keptAnswer = 4 << 10
)

// Callback is what is sent. Its Content-Type is application/json unless Header
// has another.
type Callback struct {
	Method string // "" is POST, the cloud's
	URL    string
	Header http.Header
	Body   []byte
}

// Attempt is one try to deliver a callback.
type Attempt struct {
	Number     int // from 1
	StatusCode int // 0 when there was no answer
	Err        error
	Start      time.Time
	Duration   time.Duration

	Answer   []byte // the first 4 KiB of its body
	Location string // where a redirect leads
	Reused   bool   // the connection was there from an earlier one

	retryAfter time.Duration
}

// Accepted reports whether the receiver took the callback: it answered 2xx.
func (a Attempt) Accepted() bool { return a.StatusCode/100 == 2 }

// CutOff reports whether Answer may be the start of a longer one.
func (a Attempt) CutOff() bool { return len(a.Answer) == keptAnswer }

// Temporary reports whether the receiver may take the callback later: it was
// not reached, or it answered 408, 429 or 5xx.
func (a Attempt) Temporary() bool {
	return a.StatusCode == 0 || a.StatusCode == http.StatusRequestTimeout || a.StatusCode == http.StatusTooManyRequests || a.StatusCode >= 500
}

// RefusedError says that the last answer to a callback was not 2xx.
type RefusedError struct{ StatusCode int }

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the callback was refused: %d %s", e.StatusCode, http.StatusText(e.StatusCode))
}

// Sender sends callbacks. Its zero value makes one attempt each. It is safe for
// use by several goroutines at once.
type Sender struct {
	Transport http.RoundTripper // nil: http.DefaultTransport
	Attempts  int               // at most so many attempts; 0: one

	// The pauses between attempts double from First to Most, and each is made
	// up to a half shorter or longer by chance. A Retry-After of the receiver
	// makes a pause longer, but not longer than Most.
	First, Most time.Duration

	Timeout time.Duration // of one attempt

	// RetryRefused also tries again after an answer that does not promise to
	// get better, such as 401 or 404.
	RetryRefused bool

	// Observe, if set, is told of each attempt before the pause that follows.
	Observe func(Attempt)

	// Stop, once it is closed, has the attempt under way be the last, and pauses end.
	Stop <-chan struct{}
}

// ErrStopped says that a callback was not accepted before Sender.Stop was closed.
var ErrStopped = errors.New("stopped before the callback was accepted")

// Send posts the callback until it is accepted, and returns every attempt: none, if it
// was stopped before. The
// error is nil when the last one was accepted, a *RefusedError when it was
// answered otherwise, ctx's when ctx ended first, ErrStopped when more attempts would
// have been made, and else that of the network, without the URL, whose path may be a
// secret.
func (s *Sender) Send(ctx context.Context, c Callback) ([]Attempt, error) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval = nonZero(s.First, DefaultFirst)
	pauses.MaxInterval = nonZero(s.Most, DefaultMost)
	pauses.Multiplier = 2
	var done []Attempt
	for {
		if s.stopped() {
			return done, ErrStopped
		}
		a := s.attempt(ctx, c)
		a.Number = len(done) + 1
		done = append(done, a)
		if s.Observe != nil {
			s.Observe(a)
		}
		switch {
		case a.Accepted():
			return done, nil
		case ctx.Err() != nil:
			return done, ctx.Err()
		case a.Number >= s.Attempts || !a.Temporary() && !s.RetryRefused:
			return done, a.Failure()
		}
		pause := max(pauses.NextBackOff(), min(a.retryAfter, pauses.MaxInterval))
		if err := s.sleep(ctx, pause); err != nil {
			return done, err
		}
	}
}

// Failure is why the attempt was not accepted: a *RefusedError, or Err.
func (a Attempt) Failure() error {
	if a.StatusCode != 0 {
		return &RefusedError{a.StatusCode}
	}
	return a.Err
}

func (s *Sender) attempt(ctx context.Context, c Callback) (a Attempt) {
	a.Start = time.Now()
	defer func() { a.Duration = time.Since(a.Start) }()
	ctx, cancel := context.WithTimeout(ctx, nonZero(s.Timeout, DefaultTimeout))
	defer cancel()
	req, err := request(ctx, c)
	if err != nil {
		a.Err = withoutURL(err)
		return a
	}
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GotConn: func(c httptrace.GotConnInfo) { a.Reused = c.Reused },
	}))
	client := http.Client{
		Transport:     s.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		a.Err = withoutURL(err)
		return a
	}
	defer resp.Body.Close()
	a.StatusCode = resp.StatusCode
	a.retryAfter = retryAfter(resp.Header.Get("Retry-After"), time.Now())
	a.Location = resp.Header.Get("Location")
	// The status is the answer; a body that breaks off does not change it.
	a.Answer, _ = io.ReadAll(io.LimitReader(resp.Body, keptAnswer))
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer-keptAnswer)
	return a
}

func request(ctx context.Context, c Callback) (*http.Request, error) {
	method := c.Method
	if method == "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, c.URL, bytes.NewReader(c.Body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	for name, values := range c.Header {
		req.Header[http.CanonicalHeaderKey(name)] = append([]string(nil), values...)
	}
	// net/http takes the host from its own field and leaves the header out.
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	return req, nil
}

// withoutURL takes the URL out of an error of net/http.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// retryAfter reads a Retry-After header, in seconds or as a date; 0 for none.
func retryAfter(value string, now time.Time) time.Duration {
	const most = 24 * 60 * 60
	if seconds, err := strconv.Atoi(strings.TrimSpace(value)); err == nil {
		return time.Duration(min(max(seconds, 0), most)) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(at.Sub(now), 0)
}

func (s *Sender) stopped() bool {
	select {
	case <-s.Stop:
		return true
	default:
		return false
	}
}

func (s *Sender) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-s.Stop:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

func nonZero(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}
