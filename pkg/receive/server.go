// Package receive owns the endpoint that callbacks come in at.
//
// Server stands between a public address (package tunnel) and the handler that checks
// callbacks (package webhook): it issues the tickets they must show, keeps slow and
// hostile clients within limits, and closes in an order in which nobody is cut off.
// Listening is a whole listen command on top of it, and Registration and Running are how
// other commands on this machine find one that runs.
//
// The package is private to narada.
package receive

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Prefix is what every path begins with that is served here. An edge in front
// can refuse the rest.
const Prefix = "/narada/"

// The time limits of a connection. A body may take readLimit altogether, which
// is 32 MiB at some 4.5 Mbit/s.
const (
	headerLimit = 10 * time.Second
	readLimit   = 60 * time.Second
	writeLimit  = 90 * time.Second
	idleLimit   = 90 * time.Second
	answerLimit = 500 * time.Millisecond // for answers on their way out at the end
)

// Endpoint is an address that is open to the public, as tunnel.Open gives it.
type Endpoint interface {
	URL() *url.URL
	Listener() net.Listener
	Close(context.Context) error
}

// Options say what a Server does with callbacks.
type Options struct {
	Sink    webhook.Sink
	Tickets webhook.TicketStore // knows tickets beside those that are issued here; nil: there are none
	MaxBody int64               // bytes; 0: webhook.DefaultMaxBody
	Random  io.Reader           // a cryptographic source
	Refused func(r *http.Request, status int, reason error)
}

// Server is a server that runs until Close.
type Server struct {
	endpoint Endpoint
	random   io.Reader
	store    webhook.TicketStore
	handler  http.Handler
	server   *http.Server
	served   chan struct{} // closed when Serve has returned

	mu       sync.Mutex
	tickets  map[string]webhook.Ticket
	probes   map[string]string // path → what it answers
	inFlight int
	closing  bool
	idle     chan struct{} // closed when closing and inFlight is 0
}

// Open starts to answer at the endpoint, which belongs to the Server from then
// on.
func Open(endpoint Endpoint, o Options) *Server {
	s := &Server{
		endpoint: endpoint, random: o.Random, store: o.Tickets,
		tickets: map[string]webhook.Ticket{}, probes: map[string]string{},
		served: make(chan struct{}), idle: make(chan struct{}),
	}
	var options []webhook.Option
	if o.MaxBody > 0 {
		options = append(options, webhook.WithMaxBody(o.MaxBody))
	}
	if o.Refused != nil {
		options = append(options, webhook.WithRefused(o.Refused))
	}
	s.handler = webhook.NewHandler(s, o.Sink, options...)
	s.server = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerLimit,
		ReadTimeout:       readLimit,
		WriteTimeout:      writeLimit,
		IdleTimeout:       idleLimit,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // what unauthenticated clients do wrong is not worth a line
	}
	go func() {
		defer close(s.served)
		_ = s.server.Serve(endpoint.Listener()) // ends by Close alone; tunnel.Endpoint tells what happens to the address
	}()
	return s
}

// NewTicket makes a ticket with a path of its own, and the credentials; where there are
// none, random ones.
func NewTicket(random io.Reader, c secret.Credentials) (webhook.Ticket, error) {
	t, err := webhook.NewTicket(random, Prefix)
	c = c.Or(secret.NewCredentials(secret.New(t.Secret), t.Header))
	t.Header, t.Secret = c.Header(), c.Secret().Reveal()
	return t, err
}

// Issue makes a ticket that callbacks are accepted for from now on.
func (s *Server) Issue() (webhook.Ticket, error) {
	t, err := NewTicket(s.random, secret.Credentials{})
	if err != nil {
		return webhook.Ticket{}, err
	}
	s.Admit(t)
	return t, nil
}

// Admit accepts callbacks that show t from now on.
func (s *Server) Admit(t webhook.Ticket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tickets[t.Path] = t
}

// Withdraw forgets t: what shows it from now on is accepted if the Book knows it.
func (s *Server) Withdraw(t webhook.Ticket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tickets, t.Path)
}

// URL is where callbacks for t go.
func (s *Server) URL(t webhook.Ticket) string { return s.address(t.Path) }

func (s *Server) address(path string) string {
	return strings.TrimSuffix(s.endpoint.URL().String(), "/") + path
}

// Ticket implements webhook.Book.
func (s *Server) Ticket(ctx context.Context, path string) (webhook.Ticket, bool, error) {
	s.mu.Lock()
	t, ok := s.tickets[path]
	s.mu.Unlock()
	if ok || s.store == nil || !webhook.IsTicketPath(path, Prefix) {
		return t, ok, nil
	}
	return s.store.Ticket(ctx, path)
}

// local takes the path of a public URL off: a proxy in front may pass it on or
// cut it.
func (s *Server) local(path string) string {
	return strings.TrimPrefix(path, strings.TrimSuffix(s.endpoint.URL().Path, "/"))
}

// ServeHTTP implements http.Handler: new requests get 503 while closing. What is
// behind it sees the path without that of the public URL.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if path := s.local(r.URL.Path); path != r.URL.Path {
		u := *r.URL
		u.Path = path
		r = r.WithContext(r.Context()) // a copy
		r.URL = &u
	}
	if !s.enter() {
		w.Header().Set("Connection", "close")
		w.Header().Set("Retry-After", "1")
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"error": "closing, try again"})
		return
	}
	defer s.leave()
	if answer, isProbe := s.probe(r); isProbe {
		writeJSON(w, http.StatusOK, map[string]string{"probe": answer})
		return
	}
	s.handler.ServeHTTP(w, r)
}

func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.inFlight++
	return true
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inFlight--; s.closing && s.inFlight == 0 {
		close(s.idle)
	}
}

// Close refuses new requests with 503, waits until those in flight have been
// answered, stops the server and closes the endpoint, in this order: a server
// that stops first refuses connections instead, and an endpoint that closes
// first loses the answers on their way out. It takes CloseLimit at the most. Close may
// be called once.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), CloseLimit)
	defer cancel()
	s.mu.Lock()
	s.closing = true
	if s.inFlight == 0 {
		close(s.idle)
	}
	s.mu.Unlock()
	select {
	case <-s.idle:
	case <-ctx.Done():
	}
	err := errors.Join(s.stopServer(ctx), s.endpoint.Close(ctx))
	<-s.served
	return err
}

// stopServer gives answers on their way out a moment. What is connected after
// that has nothing that we wait for: a client that sends nothing must not hold
// the program's end.
func (s *Server) stopServer(ctx context.Context) error {
	graceful, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	if s.server.Shutdown(graceful) == nil {
		return nil
	}
	return errors.Join(ctx.Err(), s.server.Close())
}

func (s *Server) probe(r *http.Request) (answer string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer, ok = s.probes[r.URL.Path]
	return answer, ok && r.Method == http.MethodPost
}

// probeLimit is the time that one attempt of Ready may take.
const probeLimit = 10 * time.Second

// Ready returns when the public address answers, and it is this Server that answers
// there. failed, if not nil, is told of each attempt that did not succeed. It ends
// without success when ctx does.
func (s *Server) Ready(ctx context.Context, client *http.Client, failed func(error)) error {
	path, answer, err := s.newProbe()
	if err != nil {
		return err
	}
	defer s.dropProbe(path)
	var last error
	_, err = backoff.Retry(ctx, func() (struct{}, error) {
		last = callProbe(ctx, client, s.address(path), answer)
		return struct{}{}, last
	}, backoff.WithBackOff(&backoff.ExponentialBackOff{InitialInterval: 50 * time.Millisecond, Multiplier: 2, MaxInterval: 2 * time.Second}),
		backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, _ time.Duration) {
			if failed != nil {
				failed(err)
			}
		}))
	if err != nil {
		return fmt.Errorf("%s does not answer: %w", s.endpoint.URL(), last)
	}
	return nil
}

func (s *Server) newProbe() (path, answer string, err error) {
	b := make([]byte, 48)
	if _, err := io.ReadFull(s.random, b); err != nil {
		return "", "", fmt.Errorf("probe: %w", err)
	}
	token := base64.RawURLEncoding.EncodeToString(b)
	path, answer = Prefix+"probe-"+token[:32], token[32:]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.probes[path] = answer
	return path, answer, nil
}

func (s *Server) dropProbe(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.probes, path)
}

func callProbe(ctx context.Context, client *http.Client, address, want string) error {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // the address is said once
		}
		return err
	}
	defer resp.Body.Close()
	var got struct {
		Probe string `json:"probe"`
	}
	err = json.NewDecoder(io.LimitReader(resp.Body, 4096)).Decode(&got)
	if resp.StatusCode != http.StatusOK || err != nil || got.Probe != want {
		return fmt.Errorf("somebody else answers there, with status %d", resp.StatusCode)
	}
	return nil
}

func writeJSON(w http.ResponseWriter, status int, body map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a caller that has gone is the caller's loss
}
