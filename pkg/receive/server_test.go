package receive

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is an endpoint whose connections are in-memory pipes, so that testing/synctest
// can control the clock. It records the order of its closing.
type memory struct {
	conns chan net.Conn

	mu     sync.Mutex
	order  []string
	closed chan struct{}
	events chan tunnel.Event
}

func newMemory() *memory {
	return &memory{conns: make(chan net.Conn), closed: make(chan struct{}), events: make(chan tunnel.Event)}
}

func (m *memory) URL() *url.URL {
	return &url.URL{Scheme: "https", Host: "hook.example", Path: "/base"}
}
func (m *memory) Listener() net.Listener      { return memoryListener{m} }
func (m *memory) Events() <-chan tunnel.Event { return m.events }

func (m *memory) note(what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.order = append(m.order, what)
}

func (m *memory) Close(context.Context) error {
	m.note("endpoint closed")
	return nil
}

type memoryListener struct{ m *memory }

func (l memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.m.conns:
		return c, nil
	case <-l.m.closed:
		return nil, net.ErrClosed
	}
}

func (l memoryListener) Close() error {
	l.m.note("listener closed")
	close(l.m.closed)
	return nil
}

func (l memoryListener) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

// dial connects to the server.
func (m *memory) dial(t *testing.T) net.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	select {
	case m.conns <- theirs:
	case <-time.After(time.Minute):
		t.Fatal("the endpoint does not accept")
	}
	return ours
}

// client sends each request on its own connection.
func (m *memory) client(t *testing.T) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return m.dial(t), nil },
	}}
}

func callbackRequest(t *testing.T, address string, ticket webhook.Ticket, text string) *http.Request {
	t.Helper()
	body := `{"requestId":"req_1","secret":"` + ticket.Secret + `","status":"success","response":{"text":"` + text + `"}}`
	r, err := http.NewRequest(http.MethodPost, strings.Replace(address, "https:", "http:", 1), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = ticket.Header.Clone()
	r.Header.Set("Content-Type", "application/json")
	return r
}

func post(t *testing.T, client *http.Client, r *http.Request) (int, string) {
	t.Helper()
	resp, err := client.Do(r)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, strings.TrimSpace(string(body))
}

// collect is a sink that records texts.
type collect struct {
	mu    sync.Mutex
	texts []string
}

func (c *collect) Deliver(_ context.Context, d webhook.Delivery) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.texts = append(c.texts, d.Result.Text())
	return nil
}

func TestCallbacksArriveWithOrWithoutThePublicPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, sink := newMemory(), &collect{}
		i := Open(m, Options{Sink: sink, Random: rand.Reader})
		ticket, err := i.Issue()
		if err != nil {
			t.Fatal(err)
		}
		address := i.URL(ticket)
		if !strings.HasPrefix(address, "https://hook.example/base/narada/") {
			t.Fatalf("address %s", address)
		}
		for _, a := range []string{address, strings.Replace(address, "/base", "", 1)} {
			if code, body := post(t, m.client(t), callbackRequest(t, a, ticket, a)); code != 200 {
				t.Errorf("%s: %d %s", a, code, body)
			}
		}
		other, _ := i.Issue()
		if code, _ := post(t, m.client(t), callbackRequest(t, i.URL(other), ticket, "with another's proof")); code != 401 {
			t.Errorf("another's ticket: %d", code)
		}
		if err := i.Close(); err != nil {
			t.Error(err)
		}
		if len(sink.texts) != 2 {
			t.Errorf("deliveries %q", sink.texts)
		}
	})
}

func TestCloseAnswersRequestsInFlightAndRefusesNewOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		i := Open(m, Options{Random: rand.Reader, Sink: webhook.SinkFunc(func(context.Context, webhook.Delivery) error {
			time.Sleep(2 * time.Second)
			m.note("stored")
			return nil
		})})
		ticket, _ := i.Issue()
		codes := make(chan int, 2)
		go func() {
			code, _ := post(t, m.client(t), callbackRequest(t, i.URL(ticket), ticket, "x"))
			codes <- code
		}()
		time.Sleep(time.Second) // it is in the sink
		closed := make(chan error)
		go func() { closed <- i.Close() }()
		synctest.Wait()
		if code, body := post(t, m.client(t), callbackRequest(t, i.URL(ticket), ticket, "y")); code != 503 || !strings.Contains(body, "closing") {
			t.Errorf("a new one while closing: %d %s", code, body)
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
		if code := <-codes; code != 200 {
			t.Errorf("the one in flight: %d", code)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if diff := cmp.Diff([]string{"stored", "listener closed", "endpoint closed"}, m.order); diff != "" {
			t.Error(diff)
		}
	})
}

func TestASilentClientDoesNotDelayClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		i := Open(m, Options{Sink: &collect{}, Random: rand.Reader})
		silent, halfway := m.dial(t), m.dial(t)
		defer silent.Close()
		defer halfway.Close()
		if _, err := io.WriteString(halfway, "POST /narada/guess HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.Copy(io.Discard, halfway) }()
		time.Sleep(time.Second)
		start := time.Now()
		if err := i.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > answerLimit {
			t.Errorf("Close took %v", took)
		}
	})
}

func TestCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		release := make(chan struct{})
		i := Open(m, Options{Random: rand.Reader, Sink: webhook.SinkFunc(func(context.Context, webhook.Delivery) error {
			<-release
			return nil
		})})
		ticket, _ := i.Issue()
		done := make(chan struct{})
		go func() {
			defer close(done)
			resp, err := m.client(t).Do(callbackRequest(t, i.URL(ticket), ticket, "x"))
			if err == nil {
				resp.Body.Close()
				t.Errorf("it was answered %d", resp.StatusCode)
			}
		}()
		time.Sleep(time.Second)
		start := time.Now()
		if err := i.Close(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v", err)
		}
		if took := time.Since(start); took != CloseLimit {
			t.Errorf("Close took %v", took)
		}
		<-done
		close(release)
	})
}

// A callback of which the body is still arriving was not acknowledged.
func TestASlowBodyDoesNotDelayClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		i := Open(m, Options{Sink: &collect{}, Random: rand.Reader})
		ticket, _ := i.Issue()
		body, sender := io.Pipe()
		answer := make(chan int, 1)
		go func() {
			r := callbackRequest(t, i.URL(ticket), ticket, "")
			r.Body, r.ContentLength = body, 100_000
			code, _ := post(t, m.client(t), r)
			answer <- code
		}()
		if _, err := io.WriteString(sender, "{"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		start := time.Now()
		if err := i.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took < lastReadLimit || took > lastReadLimit+answerLimit {
			t.Errorf("Close took %v", took)
		}
		if code := <-answer; code != http.StatusRequestTimeout {
			t.Errorf("it was answered %d", code)
		}
		sender.Close()
	})
}

// One byte per second must not block other clients or last forever.
func TestASlowClientIsCutOffAndBlocksNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, sink := newMemory(), &collect{}
		i := Open(m, Options{Sink: sink, Random: rand.Reader})
		ticket, _ := i.Issue()
		slow := m.dial(t)
		start := time.Now()
		answer := make(chan int, 1)
		go func() {
			resp, err := http.ReadResponse(bufio.NewReader(slow), nil)
			if err != nil {
				answer <- 0
				return
			}
			defer resp.Body.Close()
			answer <- resp.StatusCode
		}()
		path := strings.TrimPrefix(i.URL(ticket), "https://hook.example")
		_, err := io.WriteString(slow, "POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: "+
			ticket.Header.Get("Authorization")+"\r\nContent-Length: 100000\r\n\r\n")
		if err != nil {
			t.Fatal(err)
		}
		var writer sync.WaitGroup
		writer.Go(func() {
			for {
				if _, err := slow.Write([]byte(" ")); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		})
		time.Sleep(10 * time.Second)
		if code, _ := post(t, m.client(t), callbackRequest(t, i.URL(ticket), ticket, "quick")); code != 200 {
			t.Errorf("another client: %d", code)
		}
		if code := <-answer; code != http.StatusRequestTimeout && code != 0 {
			t.Errorf("the slow one: %d", code)
		}
		if took := time.Since(start); took > readLimit+time.Second {
			t.Errorf("it was cut off after %v", took)
		}
		slow.Close()
		writer.Wait()
		if err := i.Close(); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"quick"}, sink.texts); diff != "" {
			t.Error(diff)
		}
	})
}

// web carries requests to a Server's handler, as a public address would.
type web func(*http.Request) (*http.Response, error)

func (f web) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestReadyWaitsForThisServersAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		i := Open(m, Options{Sink: &collect{}, Random: rand.Reader})
		attempts, direct := 0, m.client(t).Transport
		public := web(func(r *http.Request) (*http.Response, error) {
			switch attempts++; attempts {
			case 1:
				return nil, errors.New("no such host")
			case 2:
				return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(`{"probe":"guess"}`)), Request: r}, nil
			case 3:
				return &http.Response{StatusCode: 404, Body: io.NopCloser(strings.NewReader(`ERR_NGROK_3200`)), Request: r}, nil
			}
			r.URL.Scheme = "http"
			return direct.RoundTrip(r)
		})
		var failures []string
		ticket := webhook.Ticket{Path: Prefix + "a"}
		if err := i.Ready(t.Context(), ticket, public, func(err error) { failures = append(failures, err.Error()) }); err != nil {
			t.Error(err)
		}
		want := []string{"no such host", "another server answered with status 200", "another server answered with status 404"}
		if diff := cmp.Diff(want, failures); diff != "" {
			t.Error(diff)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		dead := web(func(*http.Request) (*http.Response, error) { return nil, errors.New("no such host") })
		if err := i.Ready(ctx, ticket, dead, nil); err == nil || !strings.Contains(err.Error(), "https://hook.example/base does not answer: no such host") {
			t.Errorf("got %v", err)
		}
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Behind a load balancer the probe of one replica may reach another one.
func TestAServerForTheSameTicketAnswersTheProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ticket := webhook.Ticket{Path: Prefix + "a"}
		m := newMemory()
		toReplica := web(func(r *http.Request) (*http.Response, error) {
			r.URL.Scheme = "http"
			return m.client(t).Transport.RoundTrip(r)
		})
		replica, one := Open(m, Options{Sink: &collect{}, Random: rand.Reader}), Open(newMemory(), Options{Sink: &collect{}, Random: rand.Reader})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, ready := range []error{
			replica.Ready(ctx, ticket, toReplica, nil),
			one.Ready(ctx, ticket, toReplica, nil),
		} {
			if ready != nil {
				t.Error(ready)
			}
		}
		if err := one.Ready(ctx, webhook.Ticket{Path: Prefix + "b"}, toReplica, nil); err == nil {
			t.Error("another listener answered")
		}
		for _, s := range []*Server{replica, one} {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestATicketHasTheGivenCredentials(t *testing.T) {
	random, err := NewTicket(rand.Reader, secret.Credentials{})
	if err != nil || random.Secret == "" || random.Header.Get("Authorization") == "" || !webhook.IsTicketPath(random.Path, Prefix) {
		t.Fatalf("%v, %q", err, random.Path)
	}
	given, err := NewTicket(rand.Reader, secret.NewCredentials(secret.New("mine"), http.Header{"X-Shop": {"t"}}))
	if err != nil || given.Secret != "mine" || len(given.Header) != 1 || given.Header.Get("X-Shop") != "t" || given.Path == random.Path {
		t.Errorf("%v, %q %q", err, given.Secret, given.Header)
	}
}
