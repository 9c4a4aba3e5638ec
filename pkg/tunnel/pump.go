package tunnel

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/narada-cli/narada/pkg/tunnel/internal/stream"
)

// A pump stands between the ngrok library's listener and an http.Server.
//
// The library (v2.4.0, internal/tunnel/client) hands connections over on an
// unbuffered channel while it holds a read lock that its Close wants to write;
// http.Server holds its own mutex while it closes its listeners, which its
// accept loop needs. Give the server the library's listener, and a connection
// that arrives at the wrong moment stops both for ever. So the server gets a
// pump, whose Close only marks, and the pump goes on accepting until the
// library's listener is really closed, later, by Endpoint.Close.
type pump struct {
	from  net.Listener
	addr  net.Addr
	set   *stream.Set
	conns chan net.Conn

	marked   chan struct{} // closed by Close: the server wants no more
	mark     sync.Once
	accepted atomic.Int64
	finished chan struct{} // closed when from accepts no more
	err      error         // why; set before finished is closed
}

// newPump starts a pump. stopped is called with the error that ended the
// accepting, in the pump's goroutine.
func newPump(from net.Listener, addr net.Addr, set *stream.Set, stopped func(error) error) *pump {
	p := &pump{
		from:     from,
		addr:     addr,
		set:      set,
		conns:    make(chan net.Conn),
		marked:   make(chan struct{}),
		finished: make(chan struct{}),
	}
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
		select {
		case <-p.marked: // even if the server is still accepting
			_ = conn.Close()
			continue
		default:
		}
		select {
		case p.conns <- conn:
		case <-p.marked:
			_ = conn.Close()
		}
	}
}

// Accept returns the next connection. After Close it returns net.ErrClosed.
func (p *pump) Accept() (net.Conn, error) {
	select {
	case <-p.marked:
		return nil, net.ErrClosed
	default:
	}
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.marked:
		return nil, net.ErrClosed
	case <-p.finished:
		return nil, p.err
	}
}

// Close makes Accept fail. It never blocks.
func (p *pump) Close() error {
	p.mark.Do(func() { close(p.marked) })
	return nil
}

// settle returns when no connection has come in for a while of d, or ctx ends.
func (p *pump) settle(ctx context.Context, d time.Duration) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for before := int64(-1); before != p.accepted.Load(); {
		before = p.accepted.Load()
		select {
		case <-tick.C:
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
