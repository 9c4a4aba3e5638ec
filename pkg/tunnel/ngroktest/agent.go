package ngroktest

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.ngrok.com/muxado/v2"

	"github.com/narada-cli/narada/pkg/tunnel/internal/stream"
)

// A session is one connection of an agent.
type session struct {
	edge     *Edge
	conn     *tls.Conn // under mux
	mux      muxado.TypedStreamSession
	proxied  stream.Set     // connections forwarded to the agent
	control  sync.WaitGroup // streams that the agent opened
	accepted bool           // by auth; guarded by Edge.mu
}

// An endpoint is an address that an agent has bound. It remains when the connection
// is lost.
type endpoint struct {
	id, token, host string
	opts            json.RawMessage
	policy          *policy
	owner           *session // nil: offline; guarded by Edge.mu
}

func (e *Edge) welcome(conn net.Conn) {
	e.mu.Lock()
	m := e.mode
	if e.closed || m == paused {
		e.mu.Unlock()
		_ = conn.Close()
		return
	}
	e.raw[conn] = struct{}{}
	e.mu.Unlock()
	if m == silenced {
		return
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: e.ca.certificate}
	s := &session{edge: e, conn: tls.Server(conn, cfg)}
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	err := s.conn.Handshake()
	_ = conn.SetDeadline(time.Time{})

	e.mu.Lock()
	_, ours := e.raw[conn] // false: closed by Close, Pause or Resume
	delete(e.raw, conn)
	if err != nil || !ours {
		e.mu.Unlock()
		_ = conn.Close()
		return
	}
	s.mux = muxado.NewTypedStreamSession(muxado.Server(s.conn, nil))
	e.live[s] = struct{}{}
	e.mu.Unlock()
	s.run()
}

// cut ends the session abruptly, as a lost network does.
func (s *session) cut() {
	_ = s.conn.NetConn().Close()
	_ = s.mux.Close()
}

// run serves the agent until the connection ends.
func (s *session) run() {
	defer func() {
		s.edge.forget(s)
		s.cut()
		s.proxied.Close()
		s.control.Wait()
		_ = s.proxied.Wait(context.Background()) // returns: nothing blocks on a dead session
	}()
	for {
		str, err := s.mux.AcceptTypedStream()
		if err != nil {
			return
		}
		s.control.Go(func() {
			// After a failed write the session has ended, and closing the stream
			// would write to the frame that muxado may still be sending.
			if s.handle(str) == nil {
				_ = str.Close()
			}
		})
	}
}

// forget removes a session and takes its endpoints offline.
func (e *Edge) forget(s *session) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.live, s)
	for _, ep := range e.endpoints {
		if ep.owner == s {
			ep.owner = nil
		}
	}
}

func (s *session) handle(str muxado.TypedStream) error {
	switch str.StreamType() {
	case heartbeat:
		_, err := io.Copy(str, str)
		return err
	case authRequest:
		return answer(str, func(a auth) authAnswer { return s.edge.auth(s, a) })
	case bindRequest:
		return answer(str, func(b bind) bindAnswer { return s.edge.bind(s, b) })
	case unbindRequest:
		return answer(str, func(u unbind) unbindAnswer { return s.edge.unbind(s, u) })
	case infoRequest:
		return answer(str, func(struct{}) infoAnswer { return infoAnswer{Region: "local"} })
	}
	return nil
}

// answer reads one request and writes f's answer.
func answer[Q, A any](str io.ReadWriter, f func(Q) A) error {
	var q Q
	if err := json.NewDecoder(str).Decode(&q); err != nil {
		return err
	}
	return json.NewEncoder(str).Encode(f(q))
}

func (e *Edge) auth(s *session, a auth) authAnswer {
	token := a.Extra.Authtoken
	e.mu.Lock()
	defer e.mu.Unlock()
	others := 0
	for l := range e.live {
		if l.accepted {
			others++
		}
	}
	switch {
	case e.refuseAuth != nil:
		return authAnswer{Error: e.refuseAuth.text(token)}
	case token == "":
		return authAnswer{Error: (&refusal{code: "ERR_NGROK_4018"}).text(token)}
	case e.opts.Authtoken != "" && token != e.opts.Authtoken:
		return authAnswer{Error: (&refusal{code: "ERR_NGROK_107"}).text(token)}
	case e.opts.MaxSessions > 0 && others >= e.opts.MaxSessions:
		return authAnswer{Error: (&refusal{code: "ERR_NGROK_108"}).text(token)}
	}
	s.accepted = true
	e.sessions.Add(1)
	e.userAgent = a.Extra.UserAgent
	cookie := a.Extra.Cookie
	if cookie == "" {
		cookie = rand.Text()
	}
	return authAnswer{Version: "3", Extra: authAnswerExtra{
		Version:        "ngroktest",
		Region:         "local",
		Cookie:         cookie,
		AccountName:    "ngroktest",
		PlanName:       "Free",
		AgentSessionID: "ts_" + rand.Text(),
	}}
}

func (e *Edge) bind(s *session, b bind) bindAnswer {
	var opts struct{ URL, TrafficPolicy string }
	if err := json.Unmarshal(b.Opts, &opts); err != nil {
		return bindAnswer{Error: err.Error()}
	}
	if b.Proto != "https" {
		return bindAnswer{Error: "ngroktest: only https endpoints are supported, not " + b.Proto}
	}
	policy, err := parsePolicy(opts.TrafficPolicy)
	if err != nil {
		return bindAnswer{Error: err.Error() + "\r\n\r\nERR_NGROK_2201\r\n"}
	}
	ep, refused := e.place(s, b, opts.URL)
	if refused != "" {
		return bindAnswer{Error: refused}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	ep.policy, e.policy = policy, opts.TrafficPolicy
	e.binds.Add(1)
	return bindAnswer{
		ID:    ep.id,
		URL:   "https://" + ep.host,
		Proto: b.Proto,
		Opts:  b.Opts, // the agent returns this when it rebinds
		Extra: bindAnswerExtra{Token: ep.token, TunnelID: "tn_" + ep.id},
	}
}

// place finds the endpoint to rebind or makes a new one, owned by s. Otherwise it
// returns the text of the refusal.
func (e *Edge) place(s *session, b bind, want string) (*endpoint, string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.refuseBind != nil {
		return nil, e.refuseBind.text("")
	}
	if ep := e.tokens[b.Extra.Token]; ep != nil {
		ep.owner = s
		return ep, ""
	}
	host, refused := e.hostLocked(want)
	if refused != "" {
		return nil, refused
	}
	ep := &endpoint{id: b.ID, token: rand.Text(), host: host, opts: b.Opts, owner: s}
	if ep.id == "" {
		ep.id = rand.Text()
	}
	e.endpoints[host] = ep
	e.tokens[ep.token] = ep
	return ep, ""
}

// hostLocked returns the host of the requested address, or that of a new port.
func (e *Edge) hostLocked(want string) (host, refused string) {
	if want == "" {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err.Error()
		}
		if e.closed {
			_ = ln.Close()
			return "", http.ErrServerClosed.Error()
		}
		e.servePublic(ln)
		return ln.Addr().String(), ""
	}
	u, err := url.Parse(want)
	if err != nil || u.Host == "" {
		return "", fmt.Sprintf("ngroktest: not a URL: %q", want)
	}
	host = strings.ToLower(u.Host)
	if ep := e.endpoints[host]; ep != nil && ep.owner != nil {
		return "", (&refusal{code: "ERR_NGROK_334", message: fmt.Sprintf(online, want)}).text("")
	}
	if old := e.endpoints[host]; old != nil {
		delete(e.tokens, old.token)
	}
	return host, ""
}

func (e *Edge) unbind(s *session, u unbind) unbindAnswer {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ep := range e.endpoints {
		if ep.id == u.ID && ep.owner == s {
			ep.owner = nil
			delete(e.tokens, ep.token)
			return unbindAnswer{}
		}
	}
	return unbindAnswer{Error: "no such endpoint"}
}

// StopEndpoint stops every endpoint, as ngrok's dashboard does: the agents get code,
// such as "ERR_NGROK_4300", and message, and callers get 404.
func (e *Edge) StopEndpoint(code, message string) {
	e.mu.Lock()
	stopped := make(map[*session][]string)
	for _, ep := range e.endpoints {
		if ep.owner != nil {
			stopped[ep.owner] = append(stopped[ep.owner], ep.id)
			ep.owner = nil
			delete(e.tokens, ep.token)
		}
	}
	e.mu.Unlock()
	for s, ids := range stopped {
		for _, id := range ids {
			s.stop(id, code, message)
		}
	}
}

func (s *session) stop(id, code, message string) {
	str, err := s.mux.OpenTypedStream(stopTunnelRequest)
	if err != nil {
		return
	}
	// The agent neither answers nor closes the stream.
	if json.NewEncoder(str).Encode(stopTunnel{ID: id, Message: message, ErrorCode: code}) == nil {
		_ = str.Close()
	}
}
