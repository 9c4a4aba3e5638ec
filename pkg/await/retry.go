package await

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/narada-cli/narada/pkg/narada"
)

// The pauses before a call is made again, and how long a side that cannot be reached
// is tried.
const (
	minPause         = 500 * time.Millisecond
	maxPause         = 10 * time.Second
	unreachableLimit = 30 * time.Second
	minAttempts      = 5 // for calls that take long, and fail late
)

// Retry makes a call until it succeeds, fails in a way that no other attempt can
// help, or there is no time for another before ctx's deadline. A side that cannot
// be reached is given up half a minute after the first failure, but not before the
// fifth. again, which may be nil, is told of each failure after which the call is
// made again. The error is the last call's; when ctx ended while it waited, ctx's
// cause too.
func Retry(ctx context.Context, call func(context.Context) error, retryable func(error) bool, again func(err error, in time.Duration)) error {
	if again == nil {
		again = func(error, time.Duration) {}
	}
	err := retrying{retryable: retryable, told: again, attempts: minAttempts}.do(ctx, call)
	if late, ok := errors.AsType[*NoTimeError](err); ok {
		return late.Err
	}
	return err
}

// retrying says when a call is made again.
type retrying struct {
	retryable func(error) bool
	told      func(err error, in time.Duration) // before the pause
	before    func(context.Context) error       // after it, and may end it all; nil: nothing
	attempts  int                               // before a side that cannot be reached is given up
}

// do is Retry, but for an error that may have been made good, if there were time for
// it: that is a *NoTimeError.
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
		if !sleep(ctx, pause) {
			return errors.Join(context.Cause(ctx), err)
		}
		if r.before != nil && r.before(ctx) != nil {
			return err
		}
	}
}

// sleep reports whether d has passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// answers reports whether the other side can be reached. One that answers 429 or 503
// is waited for as long as there is time.
func answers(err error) bool {
	_, api := errors.AsType[*narada.APIError](err)
	_, storage := errors.AsType[*narada.StorageError](err)
	return api || storage
}

// retryAfter is how long the other side wants to be left alone.
func retryAfter(err error) time.Duration {
	if api, ok := errors.AsType[*narada.APIError](err); ok {
		return api.RetryAfter
	}
	if storage, ok := errors.AsType[*narada.StorageError](err); ok {
		return storage.RetryAfter
	}
	return 0
}

// newBackoff is for failed calls: from first up to limit, give or take half.
func newBackoff(first, limit time.Duration) *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = first
	b.MaxInterval = limit
	b.Multiplier = 2
	b.Reset()
	return b
}

// Detach makes a call whose outcome must not be lost when ctx ends while it is under
// way: what it has started, somebody must end. It then calls ended, and gives the call
// the grace period; after that the call's own context is cancelled. The call has been
// started before ctx ends, or not at all.
func Detach(ctx context.Context, grace time.Duration, ended func(), call func(context.Context) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	calls, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- call(calls) }()
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
