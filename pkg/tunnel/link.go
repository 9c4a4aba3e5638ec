package tunnel

import (
	"context"
	"net"
	"net/url"
	"sync"

	"github.com/narada-cli/narada/pkg/tunnel/internal/stream"
)

// A dialer makes the connections under an ngrok session and tracks them. Only
// their owner can end a session for certain: when a session is cancelled, the
// library does not close a connection that it has just made. And only their owner
// can delay the service's messages, which closing needs (see session.unbind).
type dialer struct {
	proxy func(*url.URL) (*url.URL, error) // nil: none
	links stream.Group[*link]

	gate  sync.RWMutex  // while it is locked, what the service sends is delayed
	wrote chan struct{} // has an item after a write; buffered
}

// A link is one connection under an ngrok session.
type link struct {
	net.Conn
	owner *dialer
}

// Read reads what the service sends. While the gate is locked it waits.
func (l *link) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	l.owner.gate.RLock()
	defer l.owner.gate.RUnlock()
	return n, err
}

func (l *link) Write(p []byte) (int, error) {
	n, err := l.Conn.Write(p)
	select {
	case l.owner.wrote <- struct{}{}:
	default:
	}
	return n, err
}

func (l *link) Close() error {
	l.owner.links.Remove(l)
	return l.Conn.Close()
}

// Dial implements ngrok.Dialer.
func (d *dialer) Dial(network, addr string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, addr)
}

// DialContext implements ngrok.Dialer.
func (d *dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	conn, err := d.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	l := &link{Conn: conn, owner: d}
	if !d.links.Add(l) {
		_ = l.Close()
		return nil, net.ErrClosed
	}
	return l, nil
}

// nextWrite returns a channel that gets an item from the next write to the service.
func (d *dialer) nextWrite() <-chan struct{} {
	select {
	case <-d.wrote: // an earlier one
	default:
	}
	return d.wrote
}

// close refuses new connections and waits, no longer than ctx allows, until the
// library has closed those that exist; then it closes them itself.
func (d *dialer) close(ctx context.Context) {
	links := d.links.Close()
	if d.links.Wait(ctx) == nil {
		return
	}
	for _, l := range links {
		_ = l.Conn.Close()
	}
}
