package signals

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// stalledStream is a stream whose reader reads nothing until it is closed.
type stalledStream chan struct{}

func (s stalledStream) Write(p []byte) (int, error) {
	<-s
	return len(p), nil
}

func (s stalledStream) Read([]byte) (int, error) {
	<-s
	return 0, io.EOF
}

func TestAStalledStreamDoesNotOutliveItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := make(stalledStream)
		defer close(stream)
		over := errors.New("over")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, over)
		defer cancel()
		start := time.Now()
		w := NewWriter(t.Context(), stream)
		w.Until(ctx)
		for range 10 {
			if _, err := io.WriteString(w, "x"); err != over {
				t.Errorf("write: %v", err)
			}
		}
		if took := time.Since(start); took != time.Minute+writeGrace {
			t.Errorf("it took %v", took)
		}
		if _, err := (&Reader{ctx, stream}).Read(make([]byte, 1)); err != over {
			t.Errorf("read: %v", err)
		}
	})
}

func TestAWriterWritesAfterTheEndOfItsContextIfTheStreamIsRead(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var text bytes.Buffer
	w := NewWriter(ctx, &text)
	for _, line := range []string{"a\n", "b\n"} {
		if n, err := io.WriteString(w, line); n != 2 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	if text.String() != "a\nb\n" {
		t.Errorf("got %q", text.String())
	}
}

func TestAWriterReturnsTheErrorOfTheStream(t *testing.T) {
	closed, w := io.Pipe()
	closed.Close()
	if _, err := io.Copy(NewWriter(t.Context(), w), strings.NewReader("x")); err != io.ErrClosedPipe {
		t.Errorf("got %v", err)
	}
}
