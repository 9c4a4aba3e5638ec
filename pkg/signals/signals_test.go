package signals

import (
	"os"
	"syscall"
	"testing"
)

func TestFirstInterruptIsSoftForACommandThatWaitsForOne(t *testing.T) {
	var soft Soft
	if soft.take(os.Interrupt) {
		t.Error("no command waits for it")
	}
	requested := soft.Wait()
	if soft.take(syscall.SIGTERM) {
		t.Error("SIGTERM is not soft")
	}
	select {
	case <-requested:
		t.Error("it was not interrupted yet")
	default:
	}
	if !soft.take(os.Interrupt) {
		t.Error("the first is soft")
	}
	<-requested
	if soft.take(os.Interrupt) {
		t.Error("the second is not")
	}
}
