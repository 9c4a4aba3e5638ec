// Package deliver sends callbacks, as Narada Cloud sends them to a dispatch's
// callbackUrl, and retries until they are accepted.
//
// An answer of 2xx accepts a callback. Redirects are not followed: the callback's secrets
// are not for the server they lead to.
//
// The package is private to narada.
package deliver

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/net/http/httpguts"

	"github.com/narada-cli/narada/pkg/narada"
)

// The defaults of a Sender.
const (
	DefaultFirstPause = 500 * time.Millisecond
	DefaultMaxPause   = 30 * time.Second
	DefaultTimeout    = 10 * time.Second
)

// The limits of an answer in bytes: what is read, so that the connection can be reused,
// and what is kept of it.
const (
	maxAnswer  = 64 << 10
	keptAnswer = 4 << 10
)

// Callback is a request to send. Its Content-Type is application/json unless Header has
// another.
type Callback struct {
	Method string // "": POST
	URL    string
	Header http.Header
	Body   []byte
}

// Attempt is one attempt to deliver a callback.
type Attempt struct {
	Number     int // from 1
	StatusCode int // 0: no answer
	Err        error
	Start      time.Time
	Duration   time.Duration

	Answer   []byte // the first 4 KiB of the answer's body
	Location string // of a redirect
	Reused   bool   // the connection was reused

	retryAfter time.Duration
}

// Accepted reports whether the receiver answered 2xx.
func (a Attempt) Accepted() bool { return a.StatusCode/100 == 2 }

// LeadsTo returns where a redirect of a callback to address leads, without user name, query
// and fragment; "": nowhere.
func (a Attempt) LeadsTo(address string) string {
	from, err := url.Parse(address)
	if err != nil || a.Location == "" || a.StatusCode/100 != 3 {
		return ""
	}
	to, err := from.Parse(a.Location)
	if err != nil || to.Host == "" {
		return ""
	}
	return (&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path, RawPath: to.RawPath}).String()
}

// CutOff reports whether Answer may be truncated.
func (a Attempt) CutOff() bool { return len(a.Answer) == keptAnswer }

// RefusedError says that a callback was answered, but not with 2xx.
type RefusedError struct{ StatusCode int }

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the callback was refused: %d %s", e.StatusCode, http.StatusText(e.StatusCode))
}

// InvalidError says that a callback cannot be sent: its URL or a header is not valid.
type InvalidError struct{ Reason string }

func (e *InvalidError) Error() string { return e.Reason }

// TimeoutError says that an attempt timed out. It is a context.DeadlineExceeded.
type TimeoutError struct{ Limit time.Duration }

func (e *TimeoutError) Error() string { return fmt.Sprintf("no answer within %s", e.Limit) }

// Unwrap returns context.DeadlineExceeded.
func (e *TimeoutError) Unwrap() error { return context.DeadlineExceeded }

// Sender sends callbacks. Its zero value makes one attempt each. It is safe for concurrent
// use.
type Sender struct {
	Transport http.RoundTripper // nil: http.DefaultTransport
	Attempts  int               // maximum; 0: one

	// The pauses between attempts double from FirstPause to MaxPause, each randomly up to
	// a half shorter or longer. The receiver's Retry-After extends a pause, up to
	// MaxPause.
	FirstPause, MaxPause time.Duration

	Timeout time.Duration // of one attempt

	// RetryRefused also retries after what is not temporary, such as 401 or 404.
	RetryRefused bool

	// Observe, if set, is called after each attempt, before the pause.
	Observe func(Attempt)

	// Stop, if not nil, ends a pause when it ends, and makes the attempt in progress the
	// last.
	Stop context.Context
}

// ErrStopped says that Sender.Stop ended before a callback was accepted.
var ErrStopped = errors.New("stopped before the callback was accepted")

// Again reports whether the attempt is followed by another.
func (s *Sender) Again(a Attempt) bool {
	return !a.Accepted() && a.Number < s.Attempts && (s.RetryRefused || a.retryable())
}

// Send sends the callback until it is accepted, and returns the last attempt, which is zero
// if Stop had ended before. The error is nil if it was accepted, a *RefusedError if it was
// refused, a *TimeoutError if it timed out, ctx's if ctx ended, ErrStopped if Stop
// prevented further attempts, or that of the network without the URL, whose path may be
// secret.
func (s *Sender) Send(ctx context.Context, c Callback) (last Attempt, err error) {
	pausing, end := context.WithCancelCause(ctx)
	defer end(nil)
	if s.Stop != nil {
		defer context.AfterFunc(s.Stop, func() { end(ErrStopped) })()
	}
	between := &pauses{ExponentialBackOff: backoff.NewExponentialBackOff()}
	between.InitialInterval, between.MaxInterval = cmp.Or(s.FirstPause, DefaultFirstPause), cmp.Or(s.MaxPause, DefaultMaxPause)
	between.Multiplier = 2
	_, err = backoff.Retry(pausing, func() (struct{}, error) {
		if s.Stop != nil && s.Stop.Err() != nil {
			return struct{}{}, backoff.Permanent(ErrStopped)
		}
		number := last.Number + 1
		last = s.attempt(ctx, c)
		last.Number = number
		if s.Observe != nil {
			s.Observe(last)
		}
		between.asked = last.retryAfter
		switch {
		case last.Accepted():
			return struct{}{}, nil
		case !s.Again(last):
			return struct{}{}, backoff.Permanent(last.Failure())
		}
		return struct{}{}, last.Failure()
	}, backoff.WithBackOff(between), backoff.WithMaxElapsedTime(0))
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return last, err
}

// pauses are the pauses between attempts.
type pauses struct {
	*backoff.ExponentialBackOff
	asked time.Duration // by Retry-After
}

// NextBackOff implements backoff.BackOff.
func (p *pauses) NextBackOff() time.Duration {
	return max(p.ExponentialBackOff.NextBackOff(), min(p.asked, p.MaxInterval))
}

// Failure returns why the attempt was not accepted: a *RefusedError, or Err.
func (a Attempt) Failure() error {
	if a.StatusCode != 0 {
		return &RefusedError{a.StatusCode}
	}
	return a.Err
}

func (s *Sender) attempt(ctx context.Context, c Callback) (a Attempt) {
	a.Start = time.Now()
	defer func() { a.Duration = time.Since(a.Start) }()
	late := &TimeoutError{cmp.Or(s.Timeout, DefaultTimeout)}
	ctx, cancel := context.WithTimeoutCause(ctx, late.Limit, late)
	defer cancel()
	req, err := request(ctx, c)
	if a.Err = err; err != nil {
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
		if a.Err = withoutURL(err); context.Cause(ctx) == error(late) {
			a.Err = late
		}
		return a
	}
	defer resp.Body.Close()
	a.StatusCode = resp.StatusCode
	a.retryAfter, _ = narada.RetryAfter(resp.Header, time.Now())
	a.Location = resp.Header.Get("Location")
	// An incomplete body does not change the result.
	a.Answer, _ = io.ReadAll(io.LimitReader(resp.Body, keptAnswer))
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer-keptAnswer)
	return a
}

func request(ctx context.Context, c Callback) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, cmp.Or(c.Method, http.MethodPost), c.URL, bytes.NewReader(c.Body))
	switch {
	case err != nil:
		return nil, &InvalidError{withoutURL(err).Error()}
	case req.URL.Scheme != "https" && req.URL.Scheme != "http":
		return nil, &InvalidError{"the URL is not http or https"}
	case req.URL.Hostname() == "":
		return nil, &InvalidError{"the URL has no host"}
	}
	req.Header.Set("Content-Type", "application/json")
	for name, values := range c.Header {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(strings.Join(values, "")) {
			return nil, &InvalidError{"a header is not valid"}
		}
		req.Header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	// net/http reads the host from its own field and ignores the header.
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	return req, nil
}

// withoutURL removes the URL from an error of net/http.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
