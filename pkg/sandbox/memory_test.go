package sandbox

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a listener whose connections are pipes, so that synctest controls the
// time.
type memory struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newMemory() *memory { return &memory{conns: make(chan net.Conn), done: make(chan struct{})} }

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.done:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error   { m.once.Do(func() { close(m.done) }); return nil }
func (m *memory) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9} }

// transport connects to the listener, whatever the address.
func (m *memory) transport() *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		here, there := net.Pipe()
		select {
		case m.conns <- there:
			return here, nil
		case <-m.done:
			return nil, net.ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
}

// countingReader returns the bytes 0, 1, 2, ..., so that request IDs are known
// beforehand.
type countingReader struct{ next byte }

func (r *countingReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.next
		r.next++
	}
	return len(p), nil
}

const (
	firstID  = "req_000102030405060708090a0b0c0d0e0f"
	hookPath = "/callback/unguessable"
	hookURL  = "http://127.0.0.1:9" + hookPath
)

// hook is a receiver of callbacks that records each POST and each delivery.
type hook struct {
	ticket webhook.Ticket

	mu         sync.Mutex
	posts      []post
	deliveries []webhook.Delivery
	answers    []int // statuses of the next answers
}

type post struct {
	at     time.Duration
	header http.Header
	body   string
	status int // of the answer
}

func (h *hook) Deliver(_ context.Context, d webhook.Delivery) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deliveries = append(h.deliveries, d)
	return nil
}

func (h *hook) handler() http.Handler {
	genuine := webhook.NewHandler(h.ticket, h)
	start := time.Now()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		noted := &statusRecorder{ResponseWriter: w}
		if status := h.nextAnswer(); status != 0 {
			noted.WriteHeader(status)
		} else {
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			genuine.ServeHTTP(noted, r)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.posts = append(h.posts, post{time.Since(start), r.Header, string(body), noted.status})
	})
}

func (h *hook) nextAnswer() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.answers) == 0 {
		return 0
	}
	status := h.answers[0]
	h.answers = h.answers[1:]
	return status
}

func (h *hook) results() []*narada.Result {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []*narada.Result
	for _, d := range h.deliveries {
		list = append(list, d.Result)
	}
	return list
}

func (h *hook) seen() []post {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]post(nil), h.posts...)
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (r *statusRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// world is a sandbox with connections in memory, a client of it and a receiver of
// its callbacks. It is made inside a synctest bubble.
type world struct {
	*Server
	client *narada.Client
	http   *http.Client
	hook   *hook
	events *events
}

type events struct {
	mu   sync.Mutex
	list []Event
}

func (e *events) add(v Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, v)
}

func (e *events) all() []Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]Event(nil), e.list...)
}

func newWorld(t *testing.T, rules string, change func(*Options)) *world {
	t.Helper()
	parsed, err := ParseRules([]byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{events: &events{}, hook: &hook{ticket: webhook.Ticket{
		Path: hookPath, Header: http.Header{"Authorization": {"Bearer token"}}, Secret: "secret",
	}}}
	receiver := newMemory()
	receiving := &http.Server{Handler: w.hook.handler()}
	received := make(chan struct{})
	go func() { defer close(received); _ = receiving.Serve(receiver) }()
	outbound := receiver.transport()

	o := Options{Rules: parsed, Random: &countingReader{}, Transport: outbound, Observe: w.events.add}
	if change != nil {
		change(&o)
	}
	listener := newMemory()
	w.Server = newServer(o)
	w.serve(listener)
	inbound := listener.transport()
	w.http = &http.Client{Transport: inbound}
	if w.client, err = narada.NewClient("key", narada.WithBaseURL("http://localhost"+basePath), narada.WithTransport(inbound)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		inbound.CloseIdleConnections()
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
		outbound.CloseIdleConnections()
		_ = receiving.Close()
		<-received
	})
	return w
}

// request returns a dispatch whose callback the hook accepts.
func request(prompt string) *narada.Request {
	return &narada.Request{
		Prompt: prompt, CallbackURL: hookURL,
		CallbackHeaders: map[string]string{"Authorization": "Bearer token"}, CallbackSecret: "secret",
	}
}

func (w *world) dispatch(t *testing.T, r *narada.Request) string {
	t.Helper()
	id, err := w.client.Dispatch(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (w *world) status(t *testing.T, id string) *narada.Result {
	t.Helper()
	r, err := w.client.Status(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// get returns the body of the answer to a GET.
func (w *world) get(t *testing.T, path string) string {
	t.Helper()
	status, body := w.do(t, http.MethodGet, path, "", nil)
	if status != http.StatusOK {
		t.Fatalf("GET %s: %d %s", path, status, body)
	}
	return body
}

func (w *world) do(t *testing.T, method, path, body string, header http.Header) (status int, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://localhost"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("x-api-key", "key")
	r.Header.Set("Content-Type", "application/json")
	for name, values := range header {
		r.Header[name] = values
	}
	if host := header.Get("Host"); host != "" {
		r.Host = host
	}
	resp, err := w.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(all)
}
