package signals

import (
	"os"
	"syscall"
	"testing"
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
