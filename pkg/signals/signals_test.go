package signals

import (
	"context"
	"os"
	"runtime"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestFirstInterruptIsSoftForACommandThatWaitsForOne(t *testing.T) {
	var soft Soft
	if soft.take(os.Interrupt) {
		t.Error("taken although no command waits")
	}
	requested := soft.Wait()
	if soft.take(syscall.SIGTERM) {
		t.Error("SIGTERM is not soft")
	}
	select {
	case <-requested:
		t.Error("interrupted too early")
	default:
	}
	if !soft.take(os.Interrupt) {
		t.Error("the first SIGINT was not taken")
	}
	<-requested
	if soft.take(os.Interrupt) {
		t.Error("the second SIGINT was taken")
	}
}

func TestAnInterruptOfItselfEndsTheContext(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it would interrupt go test, too")
	}
	ctx, stop := Catch(t.Context(), &Soft{}, func() {})
	defer stop()
	if err := Interrupt(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ctx.Done():
		if Of(ctx) != os.Interrupt {
			t.Errorf("got %v", context.Cause(ctx))
		}
	case <-time.After(20 * time.Second):
		t.Error("the context has not ended")
	}
}

func TestASecondSignalEndsTheProgramUnlessItIsTheFirstOneAgain(t *testing.T) {
	for name, test := range map[string]struct {
		first, second os.Signal
		after         time.Duration
		soft, dies    bool
	}{
		"at once":              {syscall.SIGTERM, syscall.SIGTERM, 0, false, false},
		"soon":                 {os.Interrupt, os.Interrupt, repeated - 1, false, false},
		"later":                {syscall.SIGTERM, syscall.SIGTERM, repeated, false, true},
		"another one":          {syscall.SIGTERM, os.Interrupt, 0, false, true},
		"after a soft one":     {os.Interrupt, os.Interrupt, 0, true, false},
		"another after a soft": {os.Interrupt, syscall.SIGTERM, 0, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, end := context.WithCancelCause(t.Context())
				caught, stopped := make(chan os.Signal), make(chan struct{})
				var soft Soft
				if test.soft {
					soft.Wait()
				}
				died := false
				go follow(ctx, end, &soft, caught, stopped, func(os.Signal) { died = true })
				caught <- test.first
				synctest.Wait()
				if ctx.Err() != nil == test.soft {
					t.Errorf("after the first: %v", context.Cause(ctx))
				}
				time.Sleep(test.after)
				caught <- test.second
				synctest.Wait()
				if want := test.second; test.soft && Of(ctx) != want || died != test.dies {
					t.Errorf("ended by %v, died: %v", Of(ctx), died)
				}
				close(stopped)
			})
		})
	}
}
