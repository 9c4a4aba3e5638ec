package signals

import (
	"context"
	"os"
	"runtime"
	"syscall"
	"testing"
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
