package await

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

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
					t.Errorf("%v after %v, told %v", err, time.Since(start), told)
				}
			})
		})
	}
}

func TestDetachStartsNothingWhenItIsTooLate(t *testing.T) {
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
