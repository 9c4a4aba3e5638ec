// Package receive owns the endpoint that receives callbacks.
//
// Server connects a public address (package tunnel) to the handler that verifies
// callbacks (package webhook): it issues tickets, limits slow and hostile clients, and
// closes without cutting off an answer. Listening is a whole listen command on top of
// it. By Registration and Running, other commands on this machine find listeners.
//
// The package is private to narada.
package receive

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Prefix is the prefix of every path that is served here.
const Prefix = "/narada/"

// The time limits of a connection. A body may take readLimit in total: 32 MiB at
// about 4.5 Mbit/s.
const (
	headerLimit = 10 * time.Second
	readLimit   = 60 * time.Second
	writeLimit  = 90 * time.Second
	idleLimit   = 90 * time.Second

	// At the end: for bodies that are being read, and for answers that are being sent.
	lastReadLimit = 500 * time.Millisecond
	answerLimit   = 500 * time.Millisecond
)

// Endpoint is a public address, as tunnel.Open returns it.
type Endpoint interface {
	URL() *url.URL
	Listener() net.Listener
	Close(context.Context) error
}

// Options configure a Server.
type Options struct {
	Sink    webhook.Sink
	Tickets webhook.TicketStore // more tickets than those issued here; nil: none
	MaxBody int64               // bytes; 0: webhook.DefaultMaxBody
	Random  io.Reader           // a cryptographic source
	Masker  *secret.Masker      // masks the results that Sink gets; nil: nothing is masked
	Refused func(r *http.Request, status int, reason error)

	// HealthPath is answered 200, or 503 while draining and closing; "": there is none.
	HealthPath string
}

// Server receives callbacks until Close.
type Server struct {
	endpoint Endpoint
	random   io.Reader
	store    webhook.TicketStore
	handler  http.Handler
	server   *http.Server
	served   chan struct{} // closed when Serve returns

	health   string
	draining atomic.Bool
	probes   sync.Map       // path → answer
	inFlight sync.WaitGroup // requests

	mu      sync.Mutex
	tickets map[string]webhook.Ticket
	reading map[*http.ResponseController]bool // of the requests in flight
	closing bool                              // inFlight does not grow
}

// Open starts a Server at the endpoint, which it owns from then on.
func Open(endpoint Endpoint, o Options) *Server {
	s := &Server{
		endpoint: endpoint, random: o.Random, store: o.Tickets, health: o.HealthPath,
		tickets: map[string]webhook.Ticket{}, reading: map[*http.ResponseController]bool{}, served: make(chan struct{}),
	}
	options := []webhook.Option{webhook.WithMaxBody(cmp.Or(o.MaxBody, webhook.DefaultMaxBody))}
	if o.Refused != nil {
		options = append(options, webhook.WithRefused(o.Refused))
	}
	s.handler = webhook.NewHandler(s, maskResults(o.Masker, o.Sink), options...)
	s.server = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerLimit,
		ReadTimeout:       readLimit,
		WriteTimeout:      writeLimit,
		IdleTimeout:       idleLimit,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // mistakes of unauthenticated clients are not logged
	}
	go func() {
		defer close(s.served)
		_ = s.server.Serve(endpoint.Listener()) // ends with Close; tunnel.Endpoint has the events of the address
	}()
	return s
}

// NewTicket makes a ticket with a random path and the given credentials. Those that are
// not given are random.
func NewTicket(random io.Reader, c secret.Credentials) (webhook.Ticket, error) {
	t, err := webhook.NewTicket(random, Prefix)
	c = c.Or(secret.NewCredentials(secret.New(t.Secret), t.Header))
	t.Header, t.Secret = c.Header(), c.Secret().Reveal()
	return t, err
}

// Issue makes a random ticket and admits it.
func (s *Server) Issue() (webhook.Ticket, error) {
	t, err := NewTicket(s.random, secret.Credentials{})
	if err != nil {
		return webhook.Ticket{}, err
	}
	s.Admit(t)
	return t, nil
}

// Admit accepts callbacks for t from now on.
func (s *Server) Admit(t webhook.Ticket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tickets[t.Path] = t
}

// Withdraw undoes Admit: callbacks for t are accepted only if Options.Tickets has it.
func (s *Server) Withdraw(t webhook.Ticket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tickets, t.Path)
}

// URL is the callback URL of t.
func (s *Server) URL(t webhook.Ticket) string {
	return strings.TrimSuffix(s.endpoint.URL().String(), "/") + t.Path
}

// Ticket implements webhook.TicketStore.
func (s *Server) Ticket(ctx context.Context, path string) (webhook.Ticket, bool, error) {
	s.mu.Lock()
	t, ok := s.tickets[path]
	s.mu.Unlock()
	if ok || s.store == nil || !webhook.IsTicketPath(path, Prefix) {
		return t, ok, nil
	}
	return s.store.Ticket(ctx, path)
}

// ServeHTTP implements http.Handler: new requests get 503 while closing. The handler
// gets the path without that of the public URL.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A proxy in front may forward the path of the public URL, or cut it.
	if path, ok := strings.CutPrefix(r.URL.Path, strings.TrimSuffix(s.endpoint.URL().Path, "/")); ok {
		u := *r.URL
		u.Path = path
		r = r.WithContext(r.Context()) // a copy
		r.URL = &u
	}
	if s.health != "" && r.URL.Path == s.health {
		s.serveHealth(w, r)
		return
	}
	control := http.NewResponseController(w)
	if !s.enter(control) {
		w.Header().Set("Connection", "close")
		w.Header().Set("Retry-After", "1")
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"error": "closing: try again"})
		return
	}
	defer s.leave(control)
	if answer, isProbe := s.probes.Load(r.URL.Path); isProbe && r.Method == http.MethodPost {
		writeJSON(w, http.StatusOK, probe{answer.(string)})
		return
	}
	s.handler.ServeHTTP(w, r)
}

// CheckHealthPath returns why a path cannot be Options.HealthPath.
func CheckHealthPath(path string) error {
	u, err := url.Parse(path)
	switch {
	case err != nil || u.Path != path || !strings.HasPrefix(path, "/"):
		return fmt.Errorf("%q is not a path", path)
	case strings.HasPrefix(path+"/", Prefix):
		return fmt.Errorf("%s is below %s, where callbacks are received", path, Prefix)
	}
	return nil
}

// serveHealth answers a load balancer.
func (s *Server) serveHealth(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		writeJSON(w, http.StatusMethodNotAllowed, map[string]string{"error": "only GET is allowed"})
	case s.draining.Load():
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "draining"})
	default:
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	}
}

// Drain makes the health check fail, so that a load balancer sends no more callbacks.
func (s *Server) Drain() { s.draining.Store(true) }

func (s *Server) enter(control *http.ResponseController) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.reading[control] = true
	s.inFlight.Add(1)
	return true
}

func (s *Server) leave(control *http.ResponseController) {
	s.mu.Lock()
	delete(s.reading, control)
	s.mu.Unlock()
	s.inFlight.Done()
}

// stopReading ends the reading of bodies: their requests are answered 408.
func (s *Server) stopReading() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for control := range s.reading {
		_ = control.SetReadDeadline(time.Now()) // or the connection is closed
	}
}

// Close refuses new requests with 503, waits until those in flight are answered, stops
// the server and closes the endpoint, in this order: otherwise connections would be
// refused, or answers lost. A body that is still being read after a moment is not waited
// for. It takes CloseLimit at most. Close may be called once.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), CloseLimit)
	defer cancel()
	s.Drain()
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	defer time.AfterFunc(lastReadLimit, s.stopReading).Stop()
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		s.inFlight.Wait()
	}()
	select {
	case <-idle:
	case <-ctx.Done():
	}
	err := errors.Join(s.stopServer(ctx), s.endpoint.Close(ctx))
	<-s.served
	return err
}

// stopServer waits shortly for answers that are being sent. It does not wait for idle
// connections: a client that sends nothing must not delay the program's end.
func (s *Server) stopServer(ctx context.Context) error {
	graceful, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	if s.server.Shutdown(graceful) == nil {
		return nil
	}
	return errors.Join(ctx.Err(), s.server.Close())
}

// probe is this Server's answer to Ready.
type probe struct {
	Probe string `json:"probe"`
}

// probeLimit bounds one attempt of Ready.
const probeLimit = 10 * time.Second

// Ready returns when this Server answers at the public address, or with an error when
// ctx ends. It calls failed, if not nil, for each attempt that fails.
//
// A Server for the same ticket answers as well, as a replica behind a load balancer does.
func (s *Server) Ready(ctx context.Context, of webhook.Ticket, transport http.RoundTripper, failed func(error)) error {
	path, answer := sha256.Sum256([]byte("probe "+of.Path)), sha256.Sum256([]byte("answer "+of.Path))
	t := webhook.Ticket{Path: Prefix + "probe-" + hex.EncodeToString(path[:]), Secret: hex.EncodeToString(answer[:])}
	s.probes.Store(t.Path, t.Secret)
	var last error // of an attempt that had the time it needed, if there was one
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := callProbe(ctx, transport, s.URL(t), t.Secret)
		if last == nil || ctx.Err() == nil {
			last = err
		}
		return struct{}{}, err
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

func callProbe(ctx context.Context, transport http.RoundTripper, address, want string) error {
	a, err := (&deliver.Sender{Transport: transport, Timeout: probeLimit}).Send(ctx, deliver.Callback{URL: address})
	if a.StatusCode == 0 {
		return err
	}
	var got probe
	if json.Unmarshal(a.Answer, &got) != nil || a.StatusCode != http.StatusOK || got.Probe != want {
		return fmt.Errorf("another server answered with status %d", a.StatusCode)
	}
	return nil
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
