package tunnel

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.ngrok.com/ngrok/v2"

	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/tunnel/internal/stream"
)

const (
	// connectAddr is the library's default.
	connectAddr = "connect.ngrok-agent.com:443"
	// closeLimit bounds Endpoint.Close, and the cleanup of a failed opening.
	closeLimit = 3 * time.Second
	// unbindLimit is the part of it for waiting for the service.
	unbindLimit = 2 * time.Second
	// settleTime is how long no connection may have arrived before closing.
	settleTime = 20 * time.Millisecond
	// dialAttempts is how many failures to reach the service end the opening. The
	// library waits 0.5 s, then 1 s between attempts.
	dialAttempts = 3
)

// Ngrok describes an endpoint of ngrok.
type Ngrok struct {
	// Authtoken is the account's token. It is required.
	Authtoken secret.String
	// Domain is the address to request: "x.ngrok.app" or "https://x.ngrok.app".
	// Empty requests the account's dev domain.
	Domain string
	// ConnectURL is the service's address, "host:port". Empty is ngrok's own.
	ConnectURL string
	// ConnectCAs verifies the service's certificate. Nil is ngrok's own
	// certificate, which the library contains.
	ConnectCAs *x509.CertPool
	// Proxy chooses the proxy for an address (http, https, socks5), such as the
	// ProxyFunc of golang.org/x/net/http/httpproxy. Nil is no proxy.
	Proxy func(*url.URL) (*url.URL, error)
	// Client and Version are the agent's name and version in ngrok's dashboard.
	Client, Version string
}

// A session is the connection with ngrok's service behind one endpoint.
type session struct {
	addr   string // of the service
	mask   *secret.Masker
	log    *slog.Logger
	dialer *dialer
	events events
	cancel context.CancelFunc // ends the library's session; called by a failed opening and by close only

	refused chan *Error // a permanent failure, during opening
	conns   stream.Set
	ln      ngrok.EndpointListener
	pump    *pump

	mu       sync.Mutex
	opened   bool
	up       bool  // connected, and bound if opened
	over     bool  // closing or stopped: no more events
	failures int   // attempts that did not reach the service
	last     error // the latest failure
}

func newSession(n Ngrok, log *slog.Logger) *session {
	mask := secret.NewMasker() // ngrok's texts repeat the authtoken
	mask.Hide(n.Authtoken)
	return &session{
		addr:    cmp.Or(n.ConnectURL, connectAddr),
		mask:    mask,
		log:     cmp.Or(log, slog.New(slog.DiscardHandler)),
		dialer:  &dialer{proxy: n.Proxy, wrote: make(chan struct{}, 1)},
		events:  newEvents(),
		refused: make(chan *Error, 1),
	}
}

// openNgrok connects, authenticates and binds. The library retries forever,
// whatever the refusal: here the first permanent one ends the opening.
func openNgrok(ctx context.Context, c Config) (*Endpoint, error) {
	n := *c.Ngrok
	s := newSession(n, c.Logger)
	if ctx.Err() != nil {
		return nil, s.timedOut(ctx)
	}
	agent, err := ngrok.NewAgent(s.agentOptions(n)...)
	if err != nil {
		return nil, s.failure(err)
	}

	// The context of Connect is that of the session for all its life, so it
	// must not be the caller's.
	life, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	connected := make(chan struct{})
	go func() {
		defer close(connected)
		err = s.connect(life, agent, n, c.PathPrefix)
	}()

	var failed error
	select {
	case <-connected:
		if err == nil {
			return s.endpoint(), nil
		}
		failed = s.failure(err)
	case refusal := <-s.refused:
		failed = refusal
	case <-ctx.Done():
		failed = s.timedOut(ctx)
	}
	s.abandon(connected)
	return nil, failed
}

func (s *session) agentOptions(n Ngrok) []ngrok.AgentOption {
	opts := []ngrok.AgentOption{
		ngrok.WithAuthtoken(n.Authtoken.Reveal()),
		ngrok.WithAutoConnect(false),
		ngrok.WithDialer(s.dialer),
		// Without a logger the library may use slog.Default.
		ngrok.WithLogger(slog.New(quiet{s.log.Handler(), s.mask})),
		ngrok.WithEventHandler(s.handle),
		ngrok.WithAgentConnectURL(s.addr),
	}
	if n.ConnectCAs != nil {
		opts = append(opts, ngrok.WithAgentConnectCAs(n.ConnectCAs))
	}
	if n.Client != "" {
		opts = append(opts, ngrok.WithClientInfo(n.Client, n.Version))
	}
	if host, _, err := net.SplitHostPort(s.addr); err == nil {
		// The library uses what is before the first colon, which breaks an IPv6
		// address.
		opts = append(opts, ngrok.WithTLSConfig(func(t *tls.Config) { t.ServerName = host }))
	}
	return opts
}

// connect opens the session and binds the endpoint.
func (s *session) connect(life context.Context, agent ngrok.Agent, n Ngrok, prefix string) error {
	if err := agent.Connect(life); err != nil {
		return err
	}
	opts := []ngrok.EndpointOption{ngrok.WithTrafficPolicy(trafficPolicy(cmp.Or(prefix, "/")))}
	if n.Domain != "" {
		opts = append(opts, ngrok.WithURL(domainURL(n.Domain)))
	}
	ln, err := agent.Listen(life, opts...)
	if err != nil {
		return err
	}
	s.ln = ln
	return nil
}

// abandon ends a failed opening.
func (s *session) abandon(connected <-chan struct{}) {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.cancel()
	now, cancel := context.WithCancel(context.Background())
	cancel()
	s.dialer.close(now) // what waits for the other side ends with the connection
	select {
	case <-connected:
	case <-time.After(closeLimit):
	}
	close(s.events)
}

// endpoint starts serving the endpoint that connect has bound.
func (s *session) endpoint() *Endpoint {
	u := &url.URL{Scheme: s.ln.URL().Scheme, Host: s.ln.URL().Host}
	s.pump = newPump(s.ln, publicAddr(u.Host), &s.conns, s.stopped)
	s.mu.Lock()
	s.opened = true
	if !s.up { // lost since it was bound
		s.events.send(Event{Kind: Lost, Err: s.failure(s.last)})
	}
	s.mu.Unlock()
	s.log.Debug("ngrok endpoint is open", "url", u.String())
	return &Endpoint{url: u, ln: s.pump, events: s.events, shut: s.close}
}

// handle is called by the library under its own locks: it must not block or call
// the agent.
func (s *session) handle(ev ngrok.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	switch ev := ev.(type) {
	case *ngrok.EventAgentConnectSucceeded: // follows the rebinding of the endpoint
		if s.opened && !s.up {
			s.events.send(Event{Kind: Back})
		}
		s.up = true
	case *ngrok.EventAgentDisconnected:
		if ev.Error == nil {
			return // the session ended as requested
		}
		s.last = ev.Error
		if !s.opened {
			s.up = false
			s.considerLocked(ev.Error)
			return
		}
		if s.up {
			s.events.send(Event{Kind: Lost, Err: s.failure(ev.Error)})
		}
		s.up = false
	}
}

// considerLocked ends the opening when err is permanent.
func (s *session) considerLocked(err error) {
	s.failures++
	if codeOf(err) == "" && !isPermanent(err) && s.failures < dialAttempts {
		return
	}
	select {
	case s.refused <- s.failure(err):
	default:
	}
}

// stopped is called by the pump when the library's listener has ended with err. It
// returns the error of the endpoint's listener.
func (s *session) stopped(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return net.ErrClosed
	}
	s.over = true
	e := &Error{code: codeOf(err), cause: s.masked(err), message: "ngrok stopped the endpoint: " + s.oneLine(err)}
	if e.code != "" {
		e.message += " (" + e.code + ")"
		e.hint = "see " + docs + strings.ToLower(e.code)
	}
	s.events.send(Event{Kind: Stopped, Err: e})
	return e
}

// close unbinds the endpoint and ends the session.
func (s *session) close(ctx context.Context) error {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	_ = s.pump.Close()
	err := s.unbind(ctx)

	// The rest is local and fast unless something is stuck. It is done even if ctx
	// has ended, within a part of closeLimit.
	within := func(d time.Duration, wait func(context.Context)) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d)
		defer cancel()
		wait(ctx)
	}
	const part = (closeLimit - unbindLimit) / 4
	s.conns.Close()
	within(part, func(ctx context.Context) { _ = s.conns.Wait(ctx) }) // the last bytes are sent
	s.cancel()
	within(2*part, s.dialer.close)
	within(part, func(ctx context.Context) {
		_ = s.conns.Wait(ctx)
		select {
		case <-s.pump.finished:
		case <-ctx.Done():
		}
	})
	close(s.events)
	return err
}

// unbind releases the address, so that callers get an answer at once and earlier
// answers are known to have arrived.
//
// For each connection that arrives, the library (v2.4.0, internal/tunnel/client,
// session.go: handleProxy) takes a read lock twice, a few instructions apart. A
// Close in between, which needs the write lock, deadlocks; under load one Close in
// a hundred did. Therefore the service's messages are delayed until no connection
// is arriving. Then Close is called, which gets its lock at once; when it has sent
// its request to the service, the messages are let through again. If Close blocks
// nevertheless, unbind waits no longer than unbindLimit: the end of the session
// takes the endpoint offline as well.
func (s *session) unbind(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, unbindLimit)
	defer cancel()

	s.dialer.gate.Lock()
	release := sync.OnceFunc(s.dialer.gate.Unlock)
	defer release()
	s.pump.settle(ctx, settleTime)
	wrote := s.dialer.nextWrite()
	closed := make(chan error, 1)
	go func() { closed <- s.ln.Close() }()
	unsent := time.After(10 * settleTime) // offline nothing is sent
	for {
		select {
		case <-wrote:
			wrote = nil
			release()
		case <-unsent:
			release()
		case err := <-closed:
			if err != nil {
				s.log.Debug("ngrok endpoint was not unbound", "reason", s.mask.Mask(err.Error()))
			}
			return nil // offline or stopped before: nothing to unbind
		case <-ctx.Done():
			return &Error{message: "ngrok did not confirm in time that the endpoint is closed", cause: ctx.Err()}
		}
	}
}

// domainURL returns the address to request.
func domainURL(domain string) string {
	return "https://" + strings.TrimSuffix(strings.TrimPrefix(domain, "https://"), "/")
}

// trafficPolicy returns the document that makes ngrok answer 404 to every request
// but a POST under prefix (https://ngrok.com/docs/traffic-policy/actions/deny).
func trafficPolicy(prefix string) string {
	return `{"on_http_request":[{"expressions":["req.method != 'POST' || !req.url.path.startsWith('` + prefix + `')"],` +
		`"actions":[{"type":"deny","config":{"status_code":404}}]}]}`
}
