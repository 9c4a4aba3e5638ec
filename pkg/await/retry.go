package await

import (
	"context"
	"errors"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// leastAttempts is how often a call is made at the least before it is given up
// because the other side cannot be reached: a long one fails late.
const leastAttempts = 5

// Retry makes a call until it succeeds, fails in a way that no other attempt can
// help, or there is no time for another before ctx's deadline. A side that cannot
// be reached is given up half a minute after the first failure, but not before the
// fifth. again, which may be nil, is told of each failure after which the call is
// made again. The error is the last call's; when ctx ended while it waited, ctx's
// cause too.
func Retry(ctx context.Context, call func(context.Context) error, retryable func(error) bool, again func(err error, in time.Duration)) error {
	intervals := newBackoff(resendFirst, resendMost)
	var since time.Time // the first failure
	for attempt := 1; ; attempt++ {
		err := call(ctx)
		if err == nil || ctx.Err() != nil || !retryable(err) {
			return err
		}
		if since.IsZero() {
			since = time.Now()
		}
		pause := max(intervals.NextBackOff(), retryAfter(err))
		tooLate := endsWithin(ctx, pause)
		givenUp := attempt >= leastAttempts && !worthwhile(ctx, err, since, pause)
		if tooLate || givenUp {
			return err
		}
		if again != nil {
			again(err, pause)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

// endsWithin reports whether ctx's deadline comes before the pause has passed.
func endsWithin(ctx context.Context, pause time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Now().Add(pause).After(deadline)
}

// worthwhile reports whether another attempt after pause fits: within the time
// limit, and for a side that cannot be reached within half a minute. One that
// answers 429 or 503 is waited for as long as there is time.
func worthwhile(ctx context.Context, err error, start time.Time, pause time.Duration) bool {
	if endsWithin(ctx, pause) {
		return false
	}
	_, api := errors.AsType[*narada.APIError](err)
	_, storage := errors.AsType[*narada.StorageError](err)
	return api || storage || time.Now().Add(pause).Sub(start) < unreachableFor
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
