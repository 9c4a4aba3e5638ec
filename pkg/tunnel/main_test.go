package tunnel_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/tunnel/ngroktest"
)

const token = "2abcDEFghi_secretAuthtoken123"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, ngroktest.IgnoreLibrary()...) }

func newEdge(t *testing.T, opts ngroktest.Options) *ngroktest.Edge {
	t.Helper()
	edge, err := ngroktest.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(edge.Close)
	return edge
}

func config(edge *ngroktest.Edge) tunnel.Config {
	return tunnel.Config{
		Ngrok: &tunnel.Ngrok{
			Authtoken:  secret.New(token),
			ConnectURL: edge.ConnectURL(),
			ConnectCAs: edge.CAs(),
			Client:     "narada",
			Version:    "1.2.3",
		},
		PathPrefix: "/narada/",
	}
}

// soon returns a context for operations that take milliseconds unless they hang.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func open(t *testing.T, c tunnel.Config) *tunnel.Endpoint {
	t.Helper()
	ep, err := tunnel.Open(soon(t), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ep.Close(context.Background()) })
	return ep
}

// serve answers "METHOD PATH BODY" to every request until the test ends.
func serve(t *testing.T, ep *tunnel.Endpoint) *http.Server {
	t.Helper()
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.Path, body)
	})}
	return run(t, srv, ep)
}

func run(t *testing.T, srv *http.Server, ep *tunnel.Endpoint) *http.Server {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ep.Listener()) }()
	t.Cleanup(func() {
		_ = srv.Close()
		<-done
	})
	return srv
}

// post sends body and returns the status and the answer's body.
func post(t *testing.T, client *http.Client, url, body string) (int, string) {
	t.Helper()
	resp, err := client.Post(url, "text/plain", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// next returns the endpoint's next event.
func next(t *testing.T, ep *tunnel.Endpoint) tunnel.Event {
	t.Helper()
	select {
	case ev, ok := <-ep.Events():
		if !ok {
			t.Fatal("no more events")
		}
		return ev
	case <-soon(t).Done():
		t.Fatal("no event")
		return tunnel.Event{}
	}
}

// asError returns err as a *tunnel.Error, after checking that its text is one line
// without the authtoken.
func asError(t *testing.T, err error) *tunnel.Error {
	t.Helper()
	var e *tunnel.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %#v, want a *tunnel.Error", err)
	}
	printed := fmt.Sprintf("%v %+v %s %#v", err, err, e.Hint(), e.Unwrap())
	for cause := errors.Unwrap(err); cause != nil; cause = errors.Unwrap(cause) {
		printed += cause.Error()
	}
	if strings.Contains(printed, token) {
		t.Errorf("the authtoken appears in %s", printed)
	}
	if strings.ContainsAny(e.Error(), "\r\n") {
		t.Errorf("more than one line: %q", e.Error())
	}
	return e
}

// address returns an unused address of this machine.
func address(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
