package await

import (
	"context"
	"time"
)

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
