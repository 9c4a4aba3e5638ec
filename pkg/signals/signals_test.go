package signals

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
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

func TestAWriterThatStallsIsAbandonedAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var text bytes.Buffer
		w := &Writer{Context: ctx, Target: &text}
		reader, stalled := io.Pipe()
		s := &Writer{Context: ctx, Target: stalled}
		start := time.Now()
		if n, err := s.Write([]byte("a")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Hour+writeLimit {
			t.Errorf("%d, %v after %v", n, err, time.Since(start))
		}
		start = time.Now()
		if _, err := s.Write([]byte("b")); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) > 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		for range 2 { // it does not stall
			if n, err := w.Write([]byte("ab")); n != 2 || err != nil {
				t.Error(n, err)
			}
		}
		if text.String() != "abab" {
			t.Errorf("got %q", text.String())
		}
		reader.Close()
	})
}
