// Package stream makes muxado streams behave as net.Conn promises.
//
// A muxado stream (golang.ngrok.com/muxado/v2 v2.0.2, stream.go) honours read
// deadlines, but not write deadlines: a Write that waits for the other side's
// window never looks at the deadline, SetWriteDeadline and Close wait for the
// lock that this Write holds, and a write deadline that does expire, in the
// session's queue, leaves a frame behind that the next write overwrites. So a
// peer that stops reading holds the writer, whoever wants to close the
// connection, and an http.Server's Close with them, for as long as the session
// lives.
//
// A Conn therefore hands its writes to a goroutine of its own and waits for
// that goroutine no longer than its deadline allows. The stream below never
// sees a write deadline. Reads go straight through.
//
// What cannot be helped: muxado has no call that breaks off a stream, so the
// goroutine of a write that got stuck, and the 64 KiB or less that it holds,
// stay until the peer reads on or the session ends. A stream's window is
// 256 KiB: an answer smaller than that never gets stuck. A read can outlast its
// deadline only while the whole session is stalled, which the session's
// heartbeat ends after 25 seconds.
package stream

import (
	"context"
	"net"
	"os"
	"sync"
	"time"
)

// chunk is the most bytes that one hand-over to the writing goroutine copies.
const chunk = 64 << 10

// A Set keeps track of the connections of one session, so that its owner can
// close them and wait until they are gone. Its zero value is empty and ready.
type Set struct {
	mu     sync.Mutex
	conns  map[*Conn]struct{}
	idle   chan struct{} // closed and forgotten when conns becomes empty; nil: nobody waits
	closed bool
}

// Wrap returns inner as a member of the set. The caller closes the Conn
// instead of inner. Once the set is closed, the Conn comes closed.
func (s *Set) Wrap(inner net.Conn) *Conn {
	c := &Conn{
		Conn:   inner,
		set:    s,
		out:    make(chan []byte),
		result: make(chan written, 1),
		closed: make(chan struct{}),
		until:  newDeadline(),
	}
	s.mu.Lock()
	if s.conns == nil {
		s.conns = make(map[*Conn]struct{})
	}
	s.conns[c] = struct{}{}
	closed := s.closed
	s.mu.Unlock()

	go c.run()
	if closed {
		_ = c.Close()
	}
	return c
}

// Close closes every connection of the set and those that come later. It does
// not wait: see Wait.
func (s *Set) Close() {
	s.mu.Lock()
	s.closed = true
	conns := make([]*Conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
	}
}

// Wait returns nil when no connection of the set is left, streams below closed
// and goroutines gone, or else ctx's error.
func (s *Set) Wait(ctx context.Context) error {
	s.mu.Lock()
	if len(s.conns) == 0 {
		s.mu.Unlock()
		return nil
	}
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle
	s.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Set) remove(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if len(s.conns) == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}

// A Conn is a connection over a muxado stream. Its Close never blocks, and its
// deadlines hold. A Write that was cut off by its deadline or by Close may have
// sent a part of its bytes, so every later Write fails too.
type Conn struct {
	net.Conn // the stream

	set    *Set
	out    chan []byte   // to run: what is to be written next
	result chan written  // from run: how that went
	closed chan struct{} // closed by Close
	until  *deadline     // for writes

	writing sync.Mutex // held by Write
	broken  error      // what later Writes return; guarded by writing

	mu   sync.Mutex // guards done, and orders deadlines and Close
	done bool
}

type written struct {
	n   int
	err error
}

// run owns the stream's writing half and its Close, the two calls that block.
func (c *Conn) run() {
	defer c.set.remove(c)
	failed := false
	for {
		select {
		case p := <-c.out:
			n, err := c.Conn.Write(p)
			failed = failed || err != nil
			c.result <- written{n, err}
		case <-c.closed:
			// Without write deadlines a write only fails when the stream or the
			// session has ended, so that there is nothing left to close; and
			// Close would write to the frame that a dying session may still be
			// sending.
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
	if err != nil {
		select {
		case <-c.closed:
			return n, net.ErrClosed
		default:
		}
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
		// The copy is what allows to return while the stream still has it.
		part := append([]byte(nil), p[:min(len(p), chunk)]...)
		n, err := c.hand(part)
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

// hand gives part to run and waits for the result.
func (c *Conn) hand(part []byte) (int, error) {
	expired := c.until.passed()
	select {
	case <-c.closed:
		return 0, net.ErrClosed
	case <-expired:
		return 0, os.ErrDeadlineExceeded
	default:
	}
	select {
	case c.out <- part:
	case <-c.closed:
		return 0, net.ErrClosed
	case <-expired:
		return 0, os.ErrDeadlineExceeded
	}
	select {
	case w := <-c.result:
		return w.n, w.err
	case <-c.closed:
		return 0, net.ErrClosed
	case <-expired:
		return 0, os.ErrDeadlineExceeded
	}
}

// Close ends pending and later reads and writes and closes the stream, the
// latter in the background. It never blocks and always returns nil.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done {
		return nil
	}
	c.done = true
	close(c.closed)
	// The stream's own Close may have to wait behind a stuck write; a deadline
	// in the past ends a pending Read at once.
	return c.Conn.SetReadDeadline(time.Unix(1, 0))
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
	if c.done {
		return net.ErrClosed
	}
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline sets the time after which writes fail, a pending one too;
// zero means never.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done {
		return net.ErrClosed
	}
	c.until.set(t)
	return nil
}
