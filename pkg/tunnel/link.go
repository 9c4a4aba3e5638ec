package tunnel

import (
	"context"
	"net"
	"net/url"
	"sync"
)

// A dialer makes the connections under an ngrok session, and keeps hold of
// them: only who owns them can end a session for certain (the library does not
// close a connection that it has just made when the session is cancelled), and
// can make the service's messages wait, which closing needs (see
// session.unbind).
type dialer struct {
	proxy func(*url.URL) (*url.URL, error) // nil: none

	mu     sync.Mutex
	closed bool
	links  map[*link]struct{}
	idle   chan struct{} // closed when the last link goes after close began; nil: nobody waits
	held   chan struct{} // closed by release; nil: nothing is held back
	wrote  chan struct{} // closed by the next write; nil: nobody waits
}

// A link is one connection under an ngrok session.
type link struct {
	net.Conn
	owner *dialer
}

// Read reads what the service sends. What is read while the dialer holds it
// back arrives late.
func (l *link) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	l.owner.mu.Lock()
	held := l.owner.held
	l.owner.mu.Unlock()
	if held != nil {
		<-held
	}
	return n, err
}

func (l *link) Write(p []byte) (int, error) {
	n, err := l.Conn.Write(p)
	d := l.owner
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.wrote != nil {
		close(d.wrote)
		d.wrote = nil
	}
	return n, err
}

func (l *link) Close() error {
	d := l.owner
	d.mu.Lock()
	delete(d.links, l)
	if len(d.links) == 0 && d.idle != nil {
		close(d.idle)
		d.idle = nil
	}
	d.mu.Unlock()
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
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	if d.links == nil {
		d.links = make(map[*link]struct{})
	}
	d.links[l] = struct{}{}
	return l, nil
}

// hold makes what the service sends wait until release.
func (d *dialer) hold() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held == nil {
		d.held = make(chan struct{})
	}
}

func (d *dialer) release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held != nil {
		close(d.held)
		d.held = nil
	}
}

// nextWrite returns a channel that is closed when something has been sent to
// the service.
func (d *dialer) nextWrite() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.wrote == nil {
		d.wrote = make(chan struct{})
	}
	return d.wrote
}

// close refuses new connections and waits, no longer than ctx allows, for the
// library to close those there are; then it closes them itself.
func (d *dialer) close(ctx context.Context) {
	d.mu.Lock()
	d.closed = true
	var idle chan struct{}
	if len(d.links) > 0 {
		idle = make(chan struct{})
		d.idle = idle
	}
	d.mu.Unlock()
	if idle == nil {
		return
	}
	select {
	case <-idle:
	case <-ctx.Done():
		d.mu.Lock()
		defer d.mu.Unlock()
		d.idle = nil
		for l := range d.links {
			_ = l.Conn.Close()
		}
	}
}
