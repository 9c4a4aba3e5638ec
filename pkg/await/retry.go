package await

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/panics"
)

// The pauses between attempts, and the limits for a server that cannot be reached.
const (
	minPause         = 500 * time.Millisecond
	maxPause         = 10 * time.Second
	unreachableLimit = 30 * time.Second
	minAttempts      = 5 // for calls that take long
)

// Retry repeats a call until it succeeds, its error is not retryable, or no time is left
// before ctx's deadline. For a server that cannot be reached it stops 30 seconds after the
// first failure, but not before the fifth. again is called before each retry.
// The error is that of the last call, joined with ctx's cause if ctx ended in a pause.
func Retry(ctx context.Context, call func(context.Context) error, retryable func(error) bool, again func(err error, in time.Duration)) error {
	err := retrying{retryable: retryable, told: again, attempts: minAttempts}.do(ctx, call)
	if late, ok := errors.AsType[*NoTimeError](err); ok {
		return late.Err
	}
	return err
}

// retrying configures the retries of a call.
type retrying struct {
	retryable func(error) bool
	told      func(err error, in time.Duration) // before the pause
	before    func(context.Context) error       // after the pause; an error ends the retries; may be nil
	stopped   <-chan struct{}                   // closed: no more retries; may be nil
	attempts  int                               // at least, for a server that cannot be reached
}

// do is Retry, except that a retryable error without time for a retry is a *NoTimeError.
func (r retrying) do(ctx context.Context, call func(context.Context) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	intervals := newBackoff(minPause, maxPause)
	var since time.Time // the first failure
	for attempt := 1; ; attempt++ {
		err := call(ctx)
		if err == nil || ctx.Err() != nil || !r.retryable(err) {
			return err
		}
		if since.IsZero() {
			since = time.Now()
		}
		pause := max(intervals.NextBackOff(), retryAfter(err))
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < pause {
			return &NoTimeError{err}
		}
		if attempt >= r.attempts && !answers(err) && time.Since(since)+pause >= unreachableLimit {
			return err
		}
		r.told(err, pause)
		if err := r.wait(ctx, pause, err); err != nil {
			return err
		}
	}
}

// wait waits before the retry of a call that failed with err. An error, which is or has err,
// ends the retries.
func (r retrying) wait(ctx context.Context, pause time.Duration, err error) error {
	select {
	case <-time.After(pause):
	case <-r.stopped:
		return err
	case <-ctx.Done():
		return errors.Join(context.Cause(ctx), err)
	}
	if r.before != nil && r.before(ctx) != nil {
		return err
	}
	return nil
}

// Sleep waits for d or the end of ctx, and reports whether d passed first.
func Sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// answers reports whether the server can be reached. One that answers 429 or 503 is retried
// as long as there is time.
func answers(err error) bool {
	_, api := errors.AsType[*narada.APIError](err)
	_, storage := errors.AsType[*narada.StorageError](err)
	return api || storage
}

// retryAfter returns the value of Retry-After, 0 if there is none.
func retryAfter(err error) time.Duration {
	if api, ok := errors.AsType[*narada.APIError](err); ok {
		return api.RetryAfter
	}
	if storage, ok := errors.AsType[*narada.StorageError](err); ok {
		return storage.RetryAfter
	}
	return 0
}

// newBackoff returns the pauses after failed calls: from first up to limit, plus or minus half.
func newBackoff(first, limit time.Duration) *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = first
	b.MaxInterval = limit
	b.Multiplier = 2
	b.Reset()
	return b
}

// Detach makes a call whose outcome must not be lost if ctx ends during it, because it
// starts what must be stopped. When ctx ends, it calls ended and waits for the call for
// the grace period, then cancels it. If ctx has ended already, no call is made.
func Detach(ctx context.Context, grace time.Duration, ended func(), call func(context.Context) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	calls, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- panics.Catch(func() error { return call(calls) }) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	ended()
	timer := time.AfterFunc(grace, cancel)
	defer timer.Stop()
	return <-done
}
