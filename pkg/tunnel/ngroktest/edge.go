// Package ngroktest provides a stand-in for ngrok's service, in the spirit of
// net/http/httptest: a real server in this process that the real ngrok library
// (golang.ngrok.com/ngrok/v2) connects to over TLS and muxado, and that callers
// reach over HTTPS.
//
//	edge, err := ngroktest.New(ngroktest.Options{})
//	defer edge.Close()
//	// agent: ConnectURL edge.ConnectURL(), ConnectCAs edge.CAs(), any authtoken
//	// caller: an http.Client that trusts edge.CAs()
//
// Addresses. An endpoint that requests no address gets its own port and the URL
// https://127.0.0.1:PORT, so that any client that trusts CAPEM (SSL_CERT_FILE=...)
// can call it without DNS. An endpoint that requests an address (ngrok.WithURL)
// gets it, unless another endpoint has it, and is served at PublicAddr, which
// selects endpoints by the Host header and makes certificates on demand. A request
// for "https://"+PublicAddr() gives a predictable address without DNS.
//
// It behaves as observed of the service: it authenticates, binds, rebinds after a
// lost connection, refuses with ngrok's codes and texts, answers for an offline
// endpoint (404, ERR_NGROK_3200), stops endpoints, and enforces a traffic policy of
// the one form that package tunnel sends. Each request has its own stream to the
// agent. There are no plans, pooling, TCP or TLS endpoints, and no HTTP/2.
//
// It does not log and needs no *testing.T, so that benchmarks and commands can use
// it too.
package ngroktest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Options configures an Edge. The zero value accepts every non-empty authtoken.
type Options struct {
	// Authtoken, if set, is the only accepted one: others get ERR_NGROK_107.
	Authtoken string
	// MaxSessions, if not zero, is the limit of connected agents: more get
	// ERR_NGROK_108.
	MaxSessions int
}

// An Edge is a running stand-in for ngrok's service. It is safe for concurrent use.
type Edge struct {
	opts   Options
	ca     *authority
	public net.Listener // for endpoints that requested an address
	server *http.Server

	agentAddr string
	wg        sync.WaitGroup // every goroutine that the Edge started, and every handler

	requests, denied, sessions, binds atomic.Int64

	mu         sync.Mutex
	closed     bool
	mode       mode
	agents     net.Listener          // nil while paused
	raw        map[net.Conn]struct{} // agents' connections in their handshake, or silenced
	live       map[*session]struct{}
	endpoints  map[string]*endpoint // by host, as in the URL
	tokens     map[string]*endpoint // by the token for rebinding
	refuseAuth *refusal
	refuseBind *refusal
	policy     string
	userAgent  string
}

// mode is how the agents' port behaves.
type mode int

const (
	serving  mode = iota
	paused        // refuses connections
	silenced      // accepts connections and sends nothing
)

// New starts an Edge on free ports of 127.0.0.1.
func New(opts Options) (*Edge, error) {
	ca, err := newAuthority()
	if err != nil {
		return nil, err
	}
	e := &Edge{
		opts:      opts,
		ca:        ca,
		raw:       make(map[net.Conn]struct{}),
		live:      make(map[*session]struct{}),
		endpoints: make(map[string]*endpoint),
		tokens:    make(map[string]*endpoint),
	}
	e.server = &http.Server{
		Handler:           http.HandlerFunc(e.serve),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	if e.public, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		_ = e.public.Close()
		return nil, err
	}
	e.agentAddr = ln.Addr().String()
	e.serveAgents(ln)
	e.servePublic(e.public)
	return e, nil
}

// Close closes every connection and port, and waits for the Edge's goroutines.
func (e *Edge) Close() {
	e.mu.Lock()
	already := e.closed
	e.closed = true
	e.mu.Unlock()
	if !already {
		_ = e.server.Close()
		e.stopAgents(serving)
		e.DropSessions()
	}
	e.wg.Wait()
}

// ConnectURL returns the address for agents, "127.0.0.1:port".
func (e *Edge) ConnectURL() string { return e.agentAddr }

// PublicAddr returns the address, "127.0.0.1:port", of endpoints that requested an
// address.
func (e *Edge) PublicAddr() string { return e.public.Addr().String() }

// CAs returns a pool with the Edge's CA certificate, for agents and callers.
func (e *Edge) CAs() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(e.ca.cert)
	return pool
}

// CAPEM returns that certificate in PEM.
func (e *Edge) CAPEM() []byte { return e.ca.pem }

// Client returns an HTTP client that trusts the Edge and sends every request to it:
// hosts other than 127.0.0.1 are dialed at PublicAddr. It keeps no connection open.
func (e *Edge) Client() *http.Client {
	var dialer net.Dialer
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: e.CAs(), MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if host, _, err := net.SplitHostPort(addr); err == nil && host != "127.0.0.1" {
				addr = e.PublicAddr()
			}
			return dialer.DialContext(ctx, network, addr)
		},
	}}
}

// Requests returns the number of requests forwarded to an agent.
func (e *Edge) Requests() int { return int(e.requests.Load()) }

// Denied returns the number of requests that the traffic policy refused.
func (e *Edge) Denied() int { return int(e.denied.Load()) }

// Sessions returns the number of accepted agent connections, with reconnections.
func (e *Edge) Sessions() int { return int(e.sessions.Load()) }

// Binds returns the number of times an endpoint was bound, with repeats.
func (e *Edge) Binds() int { return int(e.binds.Load()) }

// Online returns the number of endpoints that have an agent.
func (e *Edge) Online() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, ep := range e.endpoints {
		if ep.owner != nil {
			n++
		}
	}
	return n
}

// TrafficPolicy returns the policy of the last bound endpoint, as sent.
func (e *Edge) TrafficPolicy() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.policy
}

// UserAgent returns the user agent of the last accepted agent.
func (e *Edge) UserAgent() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.userAgent
}

// DropSessions closes the connections of all agents, which reconnect and rebind
// their endpoints.
func (e *Edge) DropSessions() {
	e.mu.Lock()
	cut := make([]*session, 0, len(e.live))
	for s := range e.live {
		cut = append(cut, s)
	}
	e.mu.Unlock()
	for _, s := range cut {
		s.cut()
	}
}

// Pause closes the agents' port, so that connections to it are refused, and all
// agent connections.
func (e *Edge) Pause() {
	e.stopAgents(paused)
	e.DropSessions()
}

// Silence makes the agents' port accept connections without sending anything, as
// some networks do, and closes all agent connections.
func (e *Edge) Silence() {
	e.mu.Lock()
	e.mode = silenced
	e.mu.Unlock()
	e.DropSessions()
}

// Resume undoes Pause and Silence. It fails if another program uses the port.
func (e *Edge) Resume() error {
	e.mu.Lock()
	e.mode = serving
	for c := range e.raw {
		_ = c.Close()
	}
	clear(e.raw)
	listening, closed := e.agents != nil, e.closed
	e.mu.Unlock()
	if listening {
		return nil
	}
	if closed {
		return errors.New("ngroktest: the edge is closed")
	}
	ln, err := net.Listen("tcp", e.agentAddr)
	if err != nil {
		return err
	}
	e.serveAgents(ln)
	return nil
}

func (e *Edge) serveAgents(ln net.Listener) {
	e.mu.Lock()
	e.agents = ln
	e.mu.Unlock()
	e.wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			e.wg.Go(func() { e.welcome(conn) })
		}
	})
}

func (e *Edge) stopAgents(m mode) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mode = m
	if e.agents != nil {
		_ = e.agents.Close()
		e.agents = nil
	}
	for c := range e.raw {
		_ = c.Close()
	}
	clear(e.raw)
}

func (e *Edge) servePublic(ln net.Listener) {
	cfg := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: e.ca.certificate,
	}
	e.wg.Go(func() { _ = e.server.Serve(tls.NewListener(ln, cfg)) })
}
