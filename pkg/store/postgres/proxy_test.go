//go:build unix

package postgres

import (
	"bytes"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/store/postgres/postgrestest"
)

// action is what a proxy does with a connection that sends a transaction.
type action int

const (
	pass      action = iota
	cutBefore        // close it before the server has the transaction
	cutAfter         // close it when the server has committed, before it can answer
	cutLate          // close it, and send the transaction to the server at release
	vanish           // pass nothing more, as a machine that has lost its power
	passLate         // pass it when the time limit of a write is over
)

// proxy passes connections on to a server.
type proxy struct {
	t        testing.TB
	target   string
	listener net.Listener
	running  sync.WaitGroup

	mu       sync.Mutex
	actions  []action // of the next transactions; then pass
	seen     int      // transactions
	gone     bool     // no connection is accepted
	conns    map[net.Conn]bool
	released chan struct{} // the transaction of cutLate is sent
	answered chan struct{} // and has ended
}

func newProxy(t testing.TB, s *postgrestest.Server) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &proxy{t: t, target: address(s), listener: listener, conns: map[net.Conn]bool{}, released: make(chan struct{}), answered: make(chan struct{})}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		check(t, listener.Close())
		p.setGone(true)
		p.running.Wait()
	})
	return p
}

// url returns the server's URL with the proxy's address.
func (p *proxy) url(s *postgrestest.Server) string {
	return at(s, "postgres", func(u *url.URL) { u.Host = p.listener.Addr().String() })
}

// next sets what happens to the next transactions.
func (p *proxy) next(actions ...action) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.actions, p.seen = actions, 0
}

// transactions returns how many were sent since next.
func (p *proxy) transactions() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}

// setGone closes all connections and accepts no others, or accepts them again.
func (p *proxy) setGone(gone bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = gone
	for c := range p.conns {
		if gone {
			_ = c.Close()
		}
	}
}

// refuse accepts no other connection.
func (p *proxy) refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
}

// release sends the transaction of cutLate, and waits until the server has answered.
func (p *proxy) release() {
	close(p.released)
	<-p.answered
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil || !p.keep(client, server) {
			_ = client.Close()
			continue
		}
		link := &link{proxy: p, client: client, server: server}
		p.running.Go(link.send)
		p.running.Go(link.receive)
	}
}

func (p *proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.gone {
			_ = c.Close()
		}
		p.conns[c] = true
	}
	return !p.gone
}

// action returns that of a transaction that is being sent.
func (p *proxy) action() (f action) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen++
	if len(p.actions) > 0 {
		f, p.actions = p.actions[0], p.actions[1:]
	}
	return f
}

// link is a connection of a client with the server.
type link struct {
	*proxy
	client, server net.Conn
	mu             sync.Mutex
	current        action // of the transaction that was sent
}

func (l *link) set(f action) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current = f
}

func (l *link) get() action {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current
}

// Parts of the protocol: to execute a statement, and that the server has committed.
var (
	execute = []byte("E\x00\x00\x00\x09\x00\x00\x00\x00\x00")
	ready   = []byte("Z\x00\x00\x00\x05I")
)

// send passes what the client sends.
func (l *link) send() {
	buffer := make([]byte, 1<<16)
	for {
		n, err := l.client.Read(buffer)
		if err != nil {
			_ = l.server.Close()
			return
		}
		if data := buffer[:n]; bytes.Contains(data, []byte("began(")) && bytes.Contains(data, execute) {
			l.set(l.action())
		}
		switch l.get() {
		case cutBefore:
			_, _ = l.client.Close(), l.server.Close()
			return
		case cutLate:
			_ = l.client.Close()
			<-l.released
			_, _ = l.server.Write(buffer[:n])
			return
		case vanish:
			continue
		case passLate:
			time.Sleep(writeLimit + time.Second)
			l.set(pass)
		}
		if _, err := l.server.Write(buffer[:n]); err != nil {
			_ = l.client.Close()
			return
		}
	}
}

// receive passes what the server sends.
func (l *link) receive() {
	defer l.client.Close()
	defer l.server.Close()
	buffer := make([]byte, 1<<16)
	var answer []byte
	for {
		n, err := l.server.Read(buffer)
		f := l.get()
		if answer = append(answer, buffer[:n]...); f == cutLate && (err != nil || bytes.HasSuffix(answer, ready)) {
			close(l.answered)
			return
		}
		if err != nil || f == cutAfter && bytes.HasSuffix(answer, ready) {
			return
		}
		switch f {
		case pass:
			answer = nil
			if _, err := l.client.Write(buffer[:n]); err != nil {
				return
			}
		}
	}
}
