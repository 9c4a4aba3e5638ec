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

// stalled is a stream that takes nothing until it is released.
type stalled struct{ released chan struct{} }

func (s stalled) Write(p []byte) (int, error) {
	<-s.released
	return len(p), nil
}

func TestAStalledWriteEndsShortlyAfterItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := errors.New("ended")
		ctx, cancel := context.WithCancelCause(t.Context())
		stream := stalled{make(chan struct{})}
		w := NewWriter(ctx, stream)
		start := time.Now()
		time.AfterFunc(time.Hour, func() { cancel(ended) })
		if n, err := w.Write([]byte("answer")); n != 0 || err != ended {
			t.Errorf("got %d, %v", n, err)
		}
		if _, err := w.Write([]byte("more")); err != ended {
			t.Errorf("later: got %v", err)
		}
		if took := time.Since(start); took != time.Hour+writeGrace {
			t.Errorf("it took %s", took)
		}
		close(stream.released)
	})
}

func TestAWriteSucceedsAfterTheEndOfItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var stream bytes.Buffer
	w := NewWriter(context.Background(), &stream)
	for _, limit := range []context.Context{context.Background(), ctx} {
		w.Until(limit)
		if _, err := io.WriteString(w, "a"); err != nil {
			t.Error(err)
		}
	}
	cancel()
	if _, err := io.WriteString(w, "b"); err != nil || stream.String() != "aab" {
		t.Errorf("got %q, %v", stream.String(), err)
	}
}
