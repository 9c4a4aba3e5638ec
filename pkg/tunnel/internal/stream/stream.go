// Package stream makes muxado streams behave as net.Conn promises.
//
// A muxado stream (golang.ngrok.com/muxado/v2 v2.0.2, stream.go) honours read
// deadlines, but not write deadlines. A Write that waits for the peer's window
// ignores its deadline and holds a lock that SetWriteDeadline and Close need. A
// write deadline that does expire, in the session's queue, leaves a frame behind
// that the next write overwrites. So a peer that stops reading blocks the writer
// and http.Server.Close for as long as the session lives.
//
// A Conn therefore writes in its own goroutine and waits for it no longer than
// the deadline allows. The stream below never has a write deadline. Reads go
// straight through.
//
// Limits: muxado cannot abort a stream, so the goroutine of a blocked write, and
// its 64 KiB or less, remain until the peer reads or the session ends. A stream's
// window is 256 KiB: a smaller answer never blocks. A read can outlast its
// deadline only while the whole session is stalled, which the session's heartbeat
// ends after 25 seconds.
package stream

import (
	"context"
	"net"
	"os"
	"sync"
	"time"
)

// chunk is how many bytes are copied at most for one write.
const chunk = 64 << 10

// A Set is the connections of one session. Its zero value is empty and ready.
type Set struct{ group Group[*Conn] }

// Wrap returns inner as a member of the set. The caller closes the Conn
// instead of inner. In a closed set the Conn is closed.
func (s *Set) Wrap(inner net.Conn) *Conn {
	c := &Conn{
		Conn:   inner,
		set:    s,
		out:    make(chan []byte),
		result: make(chan written, 1),
		closed: make(chan struct{}),
		until:  newDeadline(),
	}
	open := s.group.Add(c)
	go c.run()
	if !open {
		_ = c.Close()
	}
	return c
}

// Close closes every connection of the set, and every later one. It does not
// wait: see Wait.
func (s *Set) Close() {
	for _, c := range s.group.Close() {
		_ = c.Close()
	}
}

// Wait returns nil when no connection of the set is left, streams below closed
// and goroutines ended, or else ctx's error.
func (s *Set) Wait(ctx context.Context) error { return s.group.Wait(ctx) }

// A Conn is a connection over a muxado stream. Its Close never blocks, and its
// deadlines hold. A Write that its deadline or Close interrupts may have sent a part
// of its bytes, so every later Write fails too.
type Conn struct {
	net.Conn // the stream

	set    *Set
	out    chan []byte   // to run: the next bytes to write
	result chan written  // from run
	closed chan struct{} // closed by Close
	until  *deadline     // for writes

	writing sync.Mutex // held by Write
	broken  error      // what later Writes return; guarded by writing

	mu sync.Mutex // orders deadlines and Close
}

type written struct {
	n   int
	err error
}

// run owns the stream's writing half and its Close, the two calls that block.
func (c *Conn) run() {
	defer c.set.group.Remove(c)
	failed := false
	for {
		select {
		case p := <-c.out:
			n, err := c.Conn.Write(p)
			failed = failed || err != nil
			c.result <- written{n, err}
		case <-c.closed:
			// Without write deadlines a write fails only when the stream or the
			// session has ended. Then there is nothing to close, and Close would
			// write to the frame that a dying session may still be sending.
			if !failed {
				_ = c.Conn.Close()
			}
			return
		}
	}
}

// Read reads from the stream. It returns os.ErrDeadlineExceeded after the read
// deadline and net.ErrClosed after Close.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil && c.isClosed() {
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
	total := 0
	for {
		// A copy, since the stream may still use it after Write has returned.
		part := append([]byte(nil), p[:min(len(p), chunk)]...)
		n, err := c.send(part)
		total += n
		if err != nil {
			c.broken = err
			return total, err
		}
		if p = p[len(part):]; len(p) == 0 {
			return total, nil
		}
	}
}

// send gives part to run and waits for the result.
func (c *Conn) send(part []byte) (int, error) {
	expired := c.until.passed()
	select { // first of all: below, the choice is random
	case <-c.closed:
		return 0, net.ErrClosed
	case <-expired:
		return 0, os.ErrDeadlineExceeded
	default:
	}
	out := c.out
	for {
		select {
		case out <- part:
			out = nil
		case w := <-c.result:
			return w.n, w.err
		case <-c.closed:
			return 0, net.ErrClosed
		case <-expired:
			return 0, os.ErrDeadlineExceeded
		}
	}
}

// Close ends pending and later reads and writes and closes the stream, the
// latter in the background. It never blocks and always returns nil.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isClosed() {
		return nil
	}
	close(c.closed)
	// The stream's own Close may have to wait behind a stuck write; a deadline
	// in the past ends a pending Read at once.
	return c.Conn.SetReadDeadline(time.Unix(1, 0))
}

func (c *Conn) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

// SetDeadline sets the read and the write deadline.
func (c *Conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline sets the time after which reads fail; zero means never.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isClosed() {
		return net.ErrClosed
	}
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline sets the time after which writes fail, a pending one too;
// zero means never.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isClosed() {
		return net.ErrClosed
	}
	c.until.set(t)
	return nil
}
