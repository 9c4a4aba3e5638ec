package await

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

func TestRetryRepeatsTemporaryFailures(t *testing.T) {
	unreachable := &url.Error{Err: errors.New("connection refused")}
	busy := &narada.StorageError{StatusCode: 503, RetryAfter: 20 * time.Second}
	for _, tt := range []struct {
		name     string
		err      error
		failures int
		takes    time.Duration // each call
		calls    int
		ok       bool
	}{
		{"at once", nil, 0, 0, 1, true},
		{"the storage is busy for a while", busy, 10, 0, 11, true},
		{"busy until the time limit", busy, 1000, 0, 30, false},
		{"refused", &narada.StorageError{StatusCode: 403}, 1, 0, 1, false},
		{"a long call breaks off", unreachable, 4, time.Minute, 5, true},
		{"long calls break off again and again", unreachable, 100, time.Minute, 5, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute+time.Second)
				defer cancel()
				calls, told := 0, 0
				err := Retry(ctx, func(context.Context) error {
					time.Sleep(tt.takes)
					if calls++; calls <= tt.failures {
						return tt.err
					}
					return nil
				}, narada.Temporary, func(error, time.Duration) { told++ })
				if (err == nil) != tt.ok || calls < tt.calls || calls > tt.calls+1 || told != calls-1 {
					t.Errorf("%v after %d calls, %d reported", err, calls, told)
				}
			})
		})
	}
}

func TestRetryStopsIfTheServerCannotBeReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		err := Retry(t.Context(), func(context.Context) error { return &url.Error{Err: errors.New("no route")} }, narada.Temporary, func(error, time.Duration) {})
		if took := time.Since(start); err == nil || took < 15*time.Second || took > 30*time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}

func TestRetryEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		over := errors.New("interrupted")
		failure := &narada.StorageError{StatusCode: 503, RetryAfter: time.Hour}
		time.AfterFunc(time.Minute, func() { cancel(over) })
		err := Retry(ctx, func(context.Context) error { return failure }, narada.Temporary, func(error, time.Duration) {})
		if !errors.Is(err, over) || !errors.Is(err, failure) {
			t.Errorf("%v", err)
		}
	})
}

func TestDetachWaitsForACallThatIsUnderWay(t *testing.T) {
	for _, tt := range []struct {
		name        string
		takes, ends time.Duration // the call, ctx; 0: never
		want        error
		after       time.Duration
		told        bool
	}{
		{"in time", time.Second, 0, nil, time.Second, false},
		{"soon after", 10 * time.Second, time.Second, nil, 10 * time.Second, true},
		{"too late", time.Hour, time.Second, context.Canceled, 31 * time.Second, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.ends > 0 {
					time.AfterFunc(tt.ends, cancel)
				}
				start, told := time.Now(), false
				err := Detach(ctx, 30*time.Second, func() { told = true }, func(ctx context.Context) error {
					select {
					case <-time.After(tt.takes):
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				})
				if !errors.Is(err, tt.want) || time.Since(start) != tt.after || told != tt.told {
					t.Errorf("%v after %v, reported %v", err, time.Since(start), told)
				}
			})
		})
	}
}

func TestDetachMakesNoCallAfterTheContextEnded(t *testing.T) {
	over := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(over)
	err := Detach(ctx, time.Hour, nil, func(context.Context) error {
		t.Error("it is called")
		return nil
	})
	if !errors.Is(err, over) {
		t.Errorf("%v", err)
	}
}
