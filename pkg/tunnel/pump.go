package tunnel

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"github.com/narada-cli/narada/pkg/tunnel/internal/stream"
)

// A pump connects the ngrok library's listener to an http.Server.
//
// The library (v2.4.0, internal/tunnel/client) sends connections on an unbuffered
// channel while it holds a read lock that its Close needs to write. http.Server
// holds its own mutex while it closes its listeners, and its accept loop needs
// that mutex. With the library's own listener, a connection that arrives at the
// wrong moment deadlocks both. Therefore the server gets a pump: its Close only
// sets a mark, and the pump accepts until Endpoint.Close closes the library's
// listener later.
type pump struct {
	from  net.Listener
	addr  net.Addr
	set   *stream.Set
	conns chan net.Conn

	open     context.Context // until Close
	close    context.CancelFunc
	accepted atomic.Int64
	finished chan struct{} // closed when from has ended
	err      error         // why; set before finished is closed
}

// newPump starts a pump. In the pump's goroutine, stopped converts the error that
// ended the library's listener.
func newPump(from net.Listener, addr net.Addr, set *stream.Set, stopped func(error) error) *pump {
	p := &pump{from: from, addr: addr, set: set, conns: make(chan net.Conn), finished: make(chan struct{})}
	p.open, p.close = context.WithCancel(context.Background())
	go p.run(stopped)
	return p
}

func (p *pump) run(stopped func(error) error) {
	defer close(p.finished)
	for {
		raw, err := p.from.Accept()
		if err != nil {
			p.err = stopped(err)
			return
		}
		p.accepted.Add(1)
		conn := p.set.Wrap(raw)
		if p.open.Err() != nil { // also if the server is still accepting
			_ = conn.Close()
			continue
		}
		select {
		case p.conns <- conn:
		case <-p.open.Done():
			_ = conn.Close()
		}
	}
}

// Accept returns the next connection. After Close it returns net.ErrClosed.
func (p *pump) Accept() (net.Conn, error) {
	if p.open.Err() != nil {
		return nil, net.ErrClosed
	}
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.open.Done():
		return nil, net.ErrClosed
	case <-p.finished:
		return nil, p.err
	}
}

// Close makes Accept fail. It never blocks.
func (p *pump) Close() error {
	p.close()
	return nil
}

// settle returns when no connection has arrived for d, or when ctx ends.
func (p *pump) settle(ctx context.Context, d time.Duration) {
	for before := int64(-1); before != p.accepted.Load(); {
		before = p.accepted.Load()
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return
		}
	}
}

// Addr returns the public address.
func (p *pump) Addr() net.Addr { return p.addr }

// publicAddr is the address of an endpoint of ngrok: "ngrok", host and port.
type publicAddr string

func (publicAddr) Network() string  { return "ngrok" }
func (a publicAddr) String() string { return string(a) }
