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
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/narada-cli/narada/pkg/narada"
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

// TimeoutError says that a callback was not answered in the time of one attempt. It is
// a context.DeadlineExceeded.
type TimeoutError struct{ Limit time.Duration }

func (e *TimeoutError) Error() string { return fmt.Sprintf("no answer within %s", e.Limit) }

// Unwrap returns context.DeadlineExceeded.
func (e *TimeoutError) Unwrap() error { return context.DeadlineExceeded }

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
// was stopped before. The error is nil when the last one was accepted, a *RefusedError
// when it was answered otherwise, ctx's when ctx ended first, ErrStopped when more
// attempts would have been made, and else that of the network, without the URL, whose
// path may be a secret: a *TimeoutError when no answer came in time.
func (s *Sender) Send(ctx context.Context, c Callback) (done []Attempt, err error) {
	pausing, end := s.untilStopped(ctx)
	defer end(nil)
	between := &pauses{ExponentialBackOff: backoff.NewExponentialBackOff()}
	between.InitialInterval, between.MaxInterval = cmp.Or(s.First, DefaultFirst), cmp.Or(s.Most, DefaultMost)
	between.Multiplier = 2
	_, err = backoff.Retry(pausing, func() (Attempt, error) {
		if s.stopped() {
			return Attempt{}, backoff.Permanent(ErrStopped)
		}
		a := s.attempt(ctx, c)
		a.Number = len(done) + 1
		done = append(done, a)
		if s.Observe != nil {
			s.Observe(a)
		}
		between.asked = a.retryAfter
		switch {
		case a.Accepted():
			return a, nil
		case a.Number >= s.Attempts || !a.Temporary() && !s.RetryRefused:
			return a, backoff.Permanent(a.Failure())
		}
		return a, a.Failure()
	}, backoff.WithBackOff(between), backoff.WithMaxElapsedTime(0))
	if err != nil && ctx.Err() != nil {
		return done, ctx.Err()
	}
	return done, err
}

// untilStopped is ctx, which the closing of Stop ends too: with ErrStopped.
func (s *Sender) untilStopped(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, end := context.WithCancelCause(ctx)
	if s.Stop != nil {
		go func() {
			select {
			case <-s.Stop:
				end(ErrStopped)
			case <-ctx.Done():
			}
		}()
	}
	return ctx, end
}

func (s *Sender) stopped() bool {
	select {
	case <-s.Stop:
		return true
	default:
		return false
	}
}

// pauses are those between attempts.
type pauses struct {
	*backoff.ExponentialBackOff
	asked time.Duration // by the receiver
}

// NextBackOff implements backoff.BackOff.
func (p *pauses) NextBackOff() time.Duration {
	return max(p.ExponentialBackOff.NextBackOff(), min(p.asked, p.MaxInterval))
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
	late := &TimeoutError{cmp.Or(s.Timeout, DefaultTimeout)}
	ctx, cancel := context.WithTimeoutCause(ctx, late.Limit, late)
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
		if a.Err = withoutURL(err); context.Cause(ctx) == error(late) {
			a.Err = late
		}
		return a
	}
	defer resp.Body.Close()
	a.StatusCode = resp.StatusCode
	a.retryAfter, _ = narada.RetryAfter(resp.Header, time.Now())
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
