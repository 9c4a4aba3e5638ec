package tunnel_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/tunnel/ngroktest"
)

func TestCallersReachTheServerBehindNgrok(t *testing.T) {
	edge := newEdge(t, ngroktest.Options{Authtoken: token})
	ep := open(t, config(edge))
	serve(t, ep)

	if u := ep.URL(); u.Scheme != "https" || u.Host == "" || u.Path != "" {
		t.Errorf("URL is %s", u)
	}
	if got := ep.Listener().Addr().String(); got != ep.URL().Host {
		t.Errorf("the listener's address is %s, want %s", got, ep.URL().Host)
	}
	status, body := post(t, edge.Client(), ep.URL().JoinPath("/narada/x").String(), "hello")
	if status != 200 || body != "POST /narada/x hello" {
		t.Errorf("got %d %q", status, body)
	}
	if ua := edge.UserAgent(); !strings.HasPrefix(ua, "narada/1.2.3") {
		t.Errorf("the agent is called %q", ua)
	}
}

func TestBodiesOfAnySizeAndFormAreForwarded(t *testing.T) {
	edge := newEdge(t, ngroktest.Options{})
	ep := open(t, config(edge))
	run(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/narada/big" { // answered without reading the body
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		_, _ = io.Copy(w, r.Body)
	})}, ep)
	big := strings.Repeat("0123456789abcdef", 3<<16)
	for _, size := range []int{0, 1, 5000, len(big)} {
		if status, got := post(t, edge.Client(), ep.URL().String()+"/narada/", big[:size]); status != 200 || got != big[:size] {
			t.Errorf("%d bytes: got %d and %d bytes", size, status, len(got))
		}
	}
	resp, err := edge.Client().Post(ep.URL().String()+"/narada/", "text/plain", io.MultiReader(strings.NewReader(big)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != big {
		t.Errorf("chunked: got %d bytes, %v", len(got), err)
	}
	if status, _ := post(t, edge.Client(), ep.URL().String()+"/narada/big", big); status != 413 {
		t.Errorf("a body that is refused: got %d", status)
	}
}

func TestSeveralEndpointsAreOnlineAtOnceEachAtItsOwnAddress(t *testing.T) {
	edge := newEdge(t, ngroktest.Options{})
	named := config(edge)
	named.Ngrok.Domain = "https://narada.ngrok.app"
	addressed := config(edge)
	addressed.Ngrok.Domain = edge.PublicAddr()
	urls := make(map[string]bool)
	for _, c := range []tunnel.Config{config(edge), config(edge), named, addressed} {
		ep := open(t, c)
		serve(t, ep)
		urls[ep.URL().String()] = true
		if status, _ := post(t, edge.Client(), ep.URL().String()+"/narada/", "x"); status != 200 {
			t.Errorf("%s answers %d", ep.URL(), status)
		}
	}
	if len(urls) != 4 || !urls["https://narada.ngrok.app"] || !urls["https://"+edge.PublicAddr()] {
		t.Errorf("URLs: %v", urls)
	}
	if edge.Online() != 4 {
		t.Errorf("%d endpoints are online", edge.Online())
	}
}

func TestTheEdgeRefusesAllButPostRequestsUnderThePrefix(t *testing.T) {
	edge := newEdge(t, ngroktest.Options{})
	ep := open(t, config(edge))
	serve(t, ep)
	for _, tc := range []struct{ method, path string }{
		{"GET", "/narada/x"}, {"GET", "/"}, {"POST", "/other"}, {"POST", "/naradax"}, {"PUT", "/narada/x"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tc.method, ep.URL().String()+tc.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := edge.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != 404 {
			t.Errorf("%s %s answers %d, want 404", tc.method, tc.path, resp.StatusCode)
		}
	}
	if edge.Requests() != 0 || edge.Denied() != 5 {
		t.Errorf("%d requests reached the agent, %d were denied", edge.Requests(), edge.Denied())
	}
	want := `{"on_http_request":[{"expressions":["req.method != 'POST' || !req.url.path.startsWith('/narada/')"],"actions":[{"type":"deny","config":{"status_code":404}}]}]}`
	if diff := cmp.Diff(want, edge.TrafficPolicy()); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
}

func TestTheEndpointOutlivesTheContextOfItsOpening(t *testing.T) {
	edge := newEdge(t, ngroktest.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ep, err := tunnel.Open(ctx, config(edge))
	if err != nil {
		t.Fatal(err)
	}
	defer ep.Close(context.Background())
	serve(t, ep)
	cancel()
	for range 3 {
		if status, _ := post(t, edge.Client(), ep.URL().String()+"/narada/", "x"); status != 200 {
			t.Fatalf("answers %d", status)
		}
	}
	if edge.Sessions() != 1 {
		t.Errorf("%d sessions", edge.Sessions())
	}
}

func TestALostSessionReconnectsAtTheSameURL(t *testing.T) {
	edge := newEdge(t, ngroktest.Options{})
	ep := open(t, config(edge))
	serve(t, ep)
	target := ep.URL().String() + "/narada/"
	for range 2 {
		edge.DropSessions()
		ev := next(t, ep)
		if ev.Kind != tunnel.Lost || ev.Err == nil {
			t.Fatalf("first event is %v, %v", ev.Kind, ev.Err)
		}
		asError(t, ev.Err)
		if ev := next(t, ep); ev.Kind != tunnel.Back || ev.Err != nil {
			t.Fatalf("second event is %v, %v", ev.Kind, ev.Err)
		}
		if status, body := post(t, edge.Client(), target, "again"); status != 200 || body != "POST /narada/ again" {
			t.Errorf("got %d %q", status, body)
		}
	}
	if got := ep.URL().String() + "/narada/"; got != target {
		t.Errorf("the URL is now %s, was %s", got, target)
	}
}

func TestCallersSeeAnOfflineEndpointWhileTheSessionIsLost(t *testing.T) {
	edge := newEdge(t, ngroktest.Options{})
	ep := open(t, config(edge))
	serve(t, ep)
	edge.Pause()
	if ev := next(t, ep); ev.Kind != tunnel.Lost {
		t.Fatalf("event is %v", ev.Kind)
	}
	status, body := post(t, edge.Client(), ep.URL().String()+"/narada/", "x")
	if status != 404 || !strings.Contains(body, "ERR_NGROK_3200") {
		t.Errorf("got %d %q", status, body)
	}
	if err := edge.Resume(); err != nil {
		t.Skip("the port was taken meanwhile:", err)
	}
	if ev := next(t, ep); ev.Kind != tunnel.Back {
		t.Fatalf("event is %v", ev.Kind)
	}
	if status, _ := post(t, edge.Client(), ep.URL().String()+"/narada/", "x"); status != 200 {
		t.Errorf("answers %d", status)
	}
}

func TestAStoppedEndpointReportsWhyAndAcceptsNoConnections(t *testing.T) {
	edge := newEdge(t, ngroktest.Options{})
	ep := open(t, config(edge))
	accepted := make(chan error, 1)
	go func() {
		_, err := ep.Listener().Accept()
		accepted <- err
	}()
	edge.StopEndpoint("ERR_NGROK_4300", "Your endpoint was stopped\nby "+token)
	ev := next(t, ep)
	e := asError(t, ev.Err)
	if ev.Kind != tunnel.Stopped || e.Code() != "ERR_NGROK_4300" {
		t.Errorf("event is %v, code %s", ev.Kind, e.Code())
	}
	if want := "ngrok stopped the endpoint: Your endpoint was stopped by *** (ERR_NGROK_4300)"; e.Error() != want {
		t.Errorf("got %q, want %q", e.Error(), want)
	}
	if err := <-accepted; !errors.Is(err, ev.Err) {
		t.Errorf("Accept returns %v", err)
	}
	if err := ep.Close(soon(t)); err != nil {
		t.Error(err)
	}
	if ev, more := <-ep.Events(); more {
		t.Errorf("there is another event: %v", ev.Kind)
	}
}
