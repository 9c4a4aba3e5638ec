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
// Addresses. Every endpoint that asks for no address of its own gets a port of
// its own and the URL https://127.0.0.1:PORT, so that any client that trusts
// CAPEM (SSL_CERT_FILE=...) can call it without DNS. An endpoint that asks for
// an address (ngrok.WithURL) gets it, as long as no other endpoint has it, and
// is served at PublicAddr, where endpoints are told apart by the Host header;
// a certificate for the name is made when it is asked for. Asking for
// "https://"+PublicAddr() gives an address known beforehand that can be called
// without DNS.
//
// It does what was seen of the service: it authenticates, binds, binds again
// after a lost connection, refuses with ngrok's codes and texts, answers for an
// endpoint that is offline (404, ERR_NGROK_3200), stops endpoints, and enforces
// a traffic policy, though of policies it only knows the one form that package
// tunnel sends. Each request is brought to the agent on a stream of its own. It
// knows no plans, pooling, TCP or TLS endpoints and no HTTP/2.
//
// It writes nothing to any log and needs no *testing.T, so that benchmarks and
// commands can run it too.
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

// Options says how an Edge behaves. The zero value accepts every authtoken
// that is not empty.
type Options struct {
	// Authtoken, if set, is the only one accepted: another one is refused with
	// ERR_NGROK_107.
	Authtoken string
	// MaxSessions, if not zero, is how many agents may be connected at once:
	// one more is refused with ERR_NGROK_108.
	MaxSessions int
}

// An Edge is a running stand-in for ngrok's service. Its methods may be called
// by several goroutines at once.
type Edge struct {
	opts   Options
	ca     *authority
	public net.Listener // where endpoints with an address of their own are served
	server *http.Server

	agentAddr string
	wg        sync.WaitGroup // every goroutine that the Edge started, and every handler

	requests, denied, sessions, binds atomic.Int64

	mu         sync.Mutex
	closed     bool
	mode       mode
	agents     net.Listener          // nil while paused
	raw        map[net.Conn]struct{} // agents' connections that are no session: in their handshake, or met with silence
	live       map[*session]struct{}
	endpoints  map[string]*endpoint // by host, as in the URL
	tokens     map[string]*endpoint // by the token that lets an agent bind again
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
	silenced      // accepts connections and says nothing
)

// New starts an Edge on ports of its own of 127.0.0.1.
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

// Close ends every connection, closes every port and waits for everything the
// Edge started.
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

// PublicAddr returns the address, "127.0.0.1:port", where endpoints that asked
// for an address of their own are served.
func (e *Edge) PublicAddr() string { return e.public.Addr().String() }

// CAs returns a pool with the certificate that signs both sides, the agents'
// and the callers'.
func (e *Edge) CAs() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(e.ca.cert)
	return pool
}

// CAPEM returns that certificate in PEM.
func (e *Edge) CAPEM() []byte { return e.ca.pem }

// Client returns an HTTP client that trusts the Edge and brings every request,
// whatever its host, to the Edge: an address that is not on 127.0.0.1 is dialed
// at PublicAddr. It keeps no connection open.
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

// Requests returns how many requests were brought to an agent.
func (e *Edge) Requests() int { return int(e.requests.Load()) }

// Denied returns how many requests the traffic policy refused.
func (e *Edge) Denied() int { return int(e.denied.Load()) }

// Sessions returns how many times an agent was let in, reconnections included.
func (e *Edge) Sessions() int { return int(e.sessions.Load()) }

// Binds returns how many times an endpoint was bound, repeats included.
func (e *Edge) Binds() int { return int(e.binds.Load()) }

// Online returns how many endpoints have an agent at this moment.
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

// TrafficPolicy returns the policy of the last endpoint bound, as it was sent.
func (e *Edge) TrafficPolicy() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.policy
}

// UserAgent returns the user agent of the last agent that was let in.
func (e *Edge) UserAgent() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.userAgent
}

// DropSessions cuts the connections of all agents. They reconnect by
// themselves, and bind their endpoints again.
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

// Pause closes the agents' port, so that connections to it are refused, and
// cuts the connections there are.
func (e *Edge) Pause() {
	e.stopAgents(paused)
	e.DropSessions()
}

// Silence makes the agents' port accept connections and never say a word on
// them, as some networks do, and cuts the connections there are.
func (e *Edge) Silence() {
	e.mu.Lock()
	e.mode = silenced
	e.mu.Unlock()
	e.DropSessions()
}

// Resume undoes Pause and Silence. It returns an error when another program
// has taken the port meanwhile.
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
