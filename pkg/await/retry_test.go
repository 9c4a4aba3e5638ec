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

func TestRetryGoesOnWhileThatMayHelp(t *testing.T) {
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
					t.Errorf("%v after %d calls, told of %d", err, calls, told)
				}
			})
		})
	}
}

func TestRetryGivesUpWhatCannotBeReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		err := Retry(t.Context(), func(context.Context) error { return &url.Error{Err: errors.New("no route")} }, narada.Temporary, nil)
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
		err := Retry(ctx, func(context.Context) error { return failure }, narada.Temporary, nil)
		if !errors.Is(err, over) || !errors.Is(err, failure) {
			t.Errorf("%v", err)
		}
	})
}
