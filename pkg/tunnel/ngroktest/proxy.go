package ngroktest

import (
	"encoding/base64"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// A Proxy is an HTTP proxy that supports CONNECT, as in company networks.
type Proxy struct {
	ln     net.Listener
	server *http.Server
	user   *url.Userinfo
	wg     sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	connects []string
	conns    map[net.Conn]struct{}
}

// NewProxy starts a proxy on a free port of 127.0.0.1. If user is not nil, it requires
// that name and password, and answers 407 otherwise.
func NewProxy(user *url.Userinfo) (*Proxy, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{ln: ln, user: user, conns: make(map[net.Conn]struct{})}
	p.server = &http.Server{
		Handler:           http.HandlerFunc(p.serve),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	p.wg.Go(func() { _ = p.server.Serve(ln) })
	return p, nil
}

// URL returns the proxy's address, with name and password if it has them.
func (p *Proxy) URL() *url.URL {
	return &url.URL{Scheme: "http", User: p.user, Host: p.ln.Addr().String()}
}

// Connects returns the requested addresses, "host:port", in order.
func (p *Proxy) Connects() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.connects...)
}

// Close closes all connections and the port, and waits.
func (p *Proxy) Close() {
	_ = p.server.Close()
	p.mu.Lock()
	p.closed = true
	for c := range p.conns {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	if p.user != nil {
		want := "Basic " + base64.StdEncoding.EncodeToString([]byte(p.user.String()))
		if r.Header.Get("Proxy-Authorization") != want {
			w.Header().Set("Proxy-Authenticate", "Basic")
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
	}
	if r.Method != http.MethodConnect {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	p.mu.Lock()
	p.connects = append(p.connects, r.Host)
	p.mu.Unlock()
	target, err := net.DialTimeout("tcp", r.Host, 10*time.Second)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	caller, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = target.Close()
		return
	}
	p.join(caller, target, buffered)
}

// join copies in both directions until one side ends.
func (p *Proxy) join(caller, target net.Conn, from io.Reader) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = caller.Close()
		_ = target.Close()
		return
	}
	p.conns[caller], p.conns[target] = struct{}{}, struct{}{}
	once := sync.OnceFunc(func() {
		_ = caller.Close()
		_ = target.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, caller)
		delete(p.conns, target)
	})
	p.wg.Go(func() {
		defer once()
		_, _ = io.Copy(target, from)
	})
	p.wg.Go(func() {
		defer once()
		if _, err := io.WriteString(caller, "HTTP/1.1 200 Connection established\r\n\r\n"); err == nil {
			_, _ = io.Copy(caller, target)
		}
	})
}
