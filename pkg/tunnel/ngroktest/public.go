package ngroktest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"
)

var errOffline = errors.New("ngroktest: the endpoint is offline")

// linger is how long a caller may continue to send after the answer.
const linger = time.Second

// serve handles a caller's request.
func (e *Edge) serve(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		refuse(w, http.StatusServiceUnavailable, "ERR_NGROK_3200", "The edge is closing.")
		return
	}
	e.wg.Add(1)
	defer e.wg.Done()
	ep := e.lookupLocked(r)
	var p *policy
	if ep != nil {
		p = ep.policy
	}
	e.mu.Unlock()

	if p != nil && p.denies(r) {
		e.denied.Add(1)
		w.WriteHeader(p.status)
		return
	}
	if ep == nil {
		refuse(w, http.StatusNotFound, "ERR_NGROK_3200", fmt.Sprintf("The endpoint %s is offline.", r.Host))
		return
	}
	err := e.forward(ep, w, r)
	switch {
	case errors.Is(err, errOffline):
		refuse(w, http.StatusNotFound, "ERR_NGROK_3200", fmt.Sprintf("The endpoint %s is offline.", r.Host))
	case err != nil:
		refuse(w, http.StatusBadGateway, "ERR_NGROK_3004", "ngrok gateway error: the server returned an invalid or incomplete HTTP response.")
	}
}

// lookupLocked finds the endpoint by the Host header, or by the local port of the
// connection.
func (e *Edge) lookupLocked(r *http.Request) *endpoint {
	if ep := e.endpoints[strings.TrimSuffix(strings.ToLower(r.Host), ":443")]; ep != nil {
		return ep
	}
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && addr.String() != e.PublicAddr() {
		return e.endpoints[addr.String()]
	}
	return nil
}

// refuse answers as the service does.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Ngrok-Error-Code", code)
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "%s\r\n\r\n%s\r\n", message, code)
}

// Dial opens a connection to the agent behind the endpoint at publicURL, as the Edge
// does for every request: for bytes that no HTTP client would send.
func (e *Edge) Dial(publicURL string) (net.Conn, error) {
	u, err := url.Parse(publicURL)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	ep := e.endpoints[strings.ToLower(u.Host)]
	e.mu.Unlock()
	if ep == nil {
		return nil, errOffline
	}
	return e.open(ep, "127.0.0.1:1")
}

// open opens a stream to the endpoint's agent.
func (e *Edge) open(ep *endpoint, caller string) (net.Conn, error) {
	e.mu.Lock()
	owner := ep.owner
	e.mu.Unlock()
	if owner == nil {
		return nil, errOffline
	}
	str, err := owner.mux.OpenTypedStream(proxyRequest)
	if err != nil {
		return nil, errOffline
	}
	conn := owner.proxied.Wrap(str)
	err = writeProxyHeader(conn, proxyHeader{ID: ep.id, ClientAddr: caller, Proto: "https", EdgeType: "2"})
	if err != nil {
		_ = conn.Close()
		return nil, errOffline
	}
	return conn, nil
}

// forward forwards r to the agent and its answer to w. It returns an error only if
// nothing has been written to w.
func (e *Edge) forward(ep *endpoint, w http.ResponseWriter, r *http.Request) error {
	rc := http.NewResponseController(w)
	_ = rc.EnableFullDuplex() // an answer may precede the end of the body
	conn, err := e.open(ep, r.RemoteAddr)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(r.Context(), func() { _ = conn.Close() })
	sent := make(chan struct{})
	defer func() {
		stop()
		_ = conn.Close()
		select {
		case <-sent:
		default:
			// The caller is still sending: read on for a moment, or the connection
			// would be reset before it has read the answer.
			_ = rc.SetReadDeadline(time.Now().Add(linger))
			<-sent
		}
	}()
	e.requests.Add(1)
	go func() {
		defer close(sent)
		send(conn, r)
		_, _ = io.Copy(io.Discard, r.Body)
	}()
	return receive(conn, w, r)
}

// send writes r to conn without buffering its body.
func send(conn io.Writer, r *http.Request) {
	h := r.Header.Clone()
	for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Upgrade", "Expect"} {
		h.Del(name)
	}
	h.Set("X-Forwarded-Host", r.Host)
	h.Set("X-Forwarded-Proto", "https")
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		h.Set("X-Forwarded-For", host)
	}
	h.Set("Connection", "close")
	switch {
	case r.ContentLength > 0 || r.ContentLength == 0 && r.Method == http.MethodPost:
		h.Set("Content-Length", fmt.Sprint(r.ContentLength))
	case r.ContentLength < 0:
		h.Set("Transfer-Encoding", "chunked")
	}
	var head bytes.Buffer
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.RequestURI, r.Host)
	_ = h.Write(&head)
	head.WriteString("\r\n")
	if _, err := conn.Write(head.Bytes()); err != nil {
		return
	}
	if r.ContentLength >= 0 {
		_, _ = io.Copy(conn, r.Body)
		return
	}
	chunks := httputil.NewChunkedWriter(conn)
	if _, err := io.Copy(chunks, r.Body); err == nil {
		_ = chunks.Close()
		_, _ = io.WriteString(conn, "\r\n")
	}
}

// receive reads the agent's answer and writes it to w.
func receive(conn io.Reader, w http.ResponseWriter, r *http.Request) error {
	resp, err := http.ReadResponse(bufio.NewReader(conn), r)
	for err == nil && resp.StatusCode == http.StatusContinue {
		resp, err = http.ReadResponse(bufio.NewReader(conn), r)
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	for name, values := range resp.Header {
		if name != "Connection" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(resp.StatusCode)
	if _, err := io.Copy(w, resp.Body); err != nil {
		// Too late for another answer: only closing the connection shows the caller
		// that this one is incomplete.
		panic(http.ErrAbortHandler)
	}
	_ = http.NewResponseController(w).Flush()
	return nil
}
