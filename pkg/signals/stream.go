package signals

import (
	"context"
	"io"
	"sync/atomic"
	"time"
)

// Reader reads until Context ends, so that a pipe without input does not keep the
// program from ending. It abandons the read that is under way then.
type Reader struct {
	Context context.Context
	Source  io.Reader
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	buffer := make([]byte, len(p))
	done := start(func() (int, error) { return r.Source.Read(buffer) })
	select {
	case o := <-done:
		return copy(p, buffer[:o.n]), o.err
	case <-r.Context.Done():
		return 0, context.Cause(r.Context)
	}
}

// writeGrace is how long a write may take once its context has ended.
const writeGrace = 500 * time.Millisecond

// Writer writes to a stream whose reader may have stalled, as that of a full pipe. Once its
// context has ended, a write that takes longer than half a second is abandoned, and no other
// is begun. It is safe for concurrent use if the stream is.
type Writer struct {
	sink    io.Writer
	until   atomic.Pointer[context.Context]
	stalled atomic.Bool
}

// NewWriter returns a writer to sink.
func NewWriter(ctx context.Context, sink io.Writer) *Writer {
	w := &Writer{sink: sink}
	w.Until(ctx)
	return w
}

// Until replaces the context.
func (w *Writer) Until(ctx context.Context) { w.until.Store(&ctx) }

// Write implements io.Writer. The error of an abandoned write is the cause of the context's
// end.
func (w *Writer) Write(p []byte) (int, error) {
	ctx := *w.until.Load()
	if w.stalled.Load() {
		return 0, context.Cause(ctx)
	}
	own := append([]byte(nil), p...) // an abandoned write still reads it
	done := start(func() (int, error) { return w.sink.Write(own) })
	select {
	case o := <-done:
		return o.n, o.err
	case <-ctx.Done():
	}
	select {
	case o := <-done:
		return o.n, o.err
	case <-time.After(writeGrace):
		w.stalled.Store(true)
		return 0, context.Cause(ctx)
	}
}

// Streams are the streams of a command.
type Streams struct {
	In       *Reader
	Out, Err *Writer
}

// NewStreams returns streams whose context never ends.
func NewStreams(in io.Reader, out, err io.Writer) *Streams {
	ctx := context.Background()
	return &Streams{&Reader{ctx, in}, NewWriter(ctx, out), NewWriter(ctx, err)}
}

// Until replaces the context of the streams. Nothing may be reading.
func (s *Streams) Until(ctx context.Context) {
	s.In.Context = ctx
	s.Out.Until(ctx)
	s.Err.Until(ctx)
}

// Deadline is context.WithDeadlineCause for the streams, too. If cancel is called before the
// deadline, they have the parent's context again: what follows has as long as it needs.
func (s *Streams) Deadline(parent context.Context, at time.Time, cause error) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithDeadlineCause(parent, at, cause)
	s.Until(ctx)
	return ctx, func() {
		if ctx.Err() == nil {
			s.Until(parent)
		}
		cancel()
	}
}

type outcome struct {
	n   int
	err error
}

// start makes a call in a goroutine.
func start(call func() (int, error)) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		n, err := call()
		done <- outcome{n, err}
	}()
	return done
}
