// Package stream makes muxado streams behave as net.Conn promises.
//
// A muxado stream (golang.ngrok.com/muxado/v2 v2.0.2, stream.go) honours read
// deadlines, but not write deadlines. A Write that waits for the peer's window
// ignores its deadline and holds a lock that SetWriteDeadline and Close need. A
// write deadline that does expire, in the session's queue, leaves a frame behind
// that the next write overwrites. So a peer that stops reading blocks the writer
// and http.Server.Close for as long as the session lives.
//
// A Conn therefore writes to a net.Pipe, whose deadlines hold, and a goroutine copies
// from there to the stream, which never has a write deadline. Reads go straight
// through.
//
// Limits: muxado cannot abort a stream, so the goroutine of a blocked write, and
// its buffer, remain until the peer reads or the session ends. A stream's
// window is 256 KiB: a smaller answer never blocks. A read can outlast its
// deadline only while the whole session is stalled, which the session's heartbeat
// ends after 25 seconds.
package stream

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// buffer is how many bytes are copied to the stream at most at once.
const buffer = 32 << 10

// A Set is the connections of one session, with their streams and goroutines. Its zero
// value is empty and ready.
type Set struct{ Group[*Conn] }

// Wrap returns inner as a member of the set. The caller closes the Conn
// instead of inner. In a closed set the Conn is closed.
func (s *Set) Wrap(inner net.Conn) *Conn {
	in, out := net.Pipe()
	c := &Conn{Conn: inner, set: s, in: in}
	c.open, c.shut = context.WithCancel(context.Background())
	open := s.Add(c)
	go c.run(out)
	if !open {
		_ = c.Close()
	}
	return c
}

// Close closes every connection of the set, and every later one. It does not
// wait: see Wait.
func (s *Set) Close() {
	for _, c := range s.Group.Close() {
		_ = c.Close()
	}
}

// A Conn is a connection over a muxado stream. Its Close never blocks, and its
// deadlines hold. A Write that its deadline or Close interrupts may have sent a part
// of its bytes, so every later Write fails too.
type Conn struct {
	net.Conn // the stream

	set    *Set
	in     net.Conn        // to run: what is written
	open   context.Context // until Close
	shut   context.CancelFunc
	failed error // of the stream's writing half; set before run closes its end of in

	writing sync.Mutex // held by Write
	broken  error      // what later Writes return; guarded by writing

	mu sync.Mutex // orders read deadlines and Close
}

// run owns the stream's writing half and its Close, the two calls that block.
func (c *Conn) run(out net.Conn) {
	defer c.set.Remove(c)
	_, err := io.CopyBuffer(c.Conn, out, make([]byte, buffer))
	if err == nil { // by Close
		_ = c.Conn.Close()
		return
	}
	// Without write deadlines a write fails only when the stream or the session has
	// ended. Then there is nothing to close, and Close would write to the frame that
	// a dying session may still be sending.
	c.failed = err
	_ = out.Close()
	<-c.open.Done()
}

// Read reads from the stream. It returns os.ErrDeadlineExceeded after the read
// deadline and net.ErrClosed after Close.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil && c.open.Err() != nil {
		return n, net.ErrClosed
	}
	return n, err
}

// Write writes p to the stream. It returns os.ErrDeadlineExceeded after the
// write deadline and net.ErrClosed after Close.
func (c *Conn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.broken != nil {
		return 0, c.broken
	}
	n, err := c.in.Write(p)
	if err == nil {
		_, err = c.in.Write(nil) // returns when run reads again: the stream has taken p
	}
	switch {
	case err == nil:
		return n, nil
	case c.open.Err() != nil:
		err = net.ErrClosed
	case errors.Is(err, io.ErrClosedPipe):
		err = c.failed
	}
	c.broken = err
	return max(0, n-buffer), err // run may still have the last bytes
}

// Close ends pending and later reads and writes and closes the stream, the
// latter in the background. It never blocks and always returns nil.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open.Err() != nil {
		return nil
	}
	c.shut()
	_ = c.in.Close() // of a pipe: it does not fail
	// The stream's own Close may have to wait behind a stuck write; a deadline
	// in the past ends a pending Read at once.
	return c.Conn.SetReadDeadline(time.Unix(1, 0))
}

// SetDeadline sets the read and the write deadline.
func (c *Conn) SetDeadline(t time.Time) error {
	return cmp.Or(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline sets the time after which reads fail; zero means never.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open.Err() != nil {
		return net.ErrClosed
	}
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline sets the time after which writes fail, a pending one too;
// zero means never.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	if c.in.SetWriteDeadline(t) != nil {
		return net.ErrClosed
	}
	return nil
}
