package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/webhook"
)

func TestStartRefusesOtherAddressesThanLoopback(t *testing.T) {
	for addr, want := range map[string]string{
		":0": "not a loopback", "0.0.0.0:0": "not a loopback", "[::]:0": "not a loopback", "192.0.2.1:0": "not a loopback",
		"example.com:0": "not a loopback", "127.0.0.1": "not an address with a port", "127.0.0.1:99999": "not an address with a port",
	} {
		s, err := Start(t.Context(), Options{Addr: addr})
		if err == nil {
			_ = s.Close(t.Context())
			t.Errorf("%q was accepted", addr)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", addr, err)
		}
	}
}

func TestAnAddressInUseIsAnError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := Start(t.Context(), Options{Addr: l.Addr().String()}); err == nil || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("got %v", err)
	}
}

func TestARealServerSendsACallbackOverHTTPS(t *testing.T) {
	ticket, err := webhook.NewTicket(rand.Reader, "/callback/")
	if err != nil {
		t.Fatal(err)
	}
	delivered := make(chan webhook.Delivery, 1)
	receiver := httptest.NewTLSServer(webhook.NewHandler(ticket, webhook.SinkFunc(func(_ context.Context, d webhook.Delivery) error {
		delivered <- d
		return nil
	})))
	defer receiver.Close()

	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	s, err := Start(t.Context(), Options{Delay: -1, Transport: receiver.Client().Transport})
	if err != nil {
		t.Fatal(err)
	}
	for _, base := range []string{s.URL(), strings.TrimSuffix(s.URL(), basePath)} {
		client, err := narada.NewClient("any-key", narada.WithBaseURL(base), narada.WithTransport(transport))
		if err != nil {
			t.Fatal(err)
		}
		id, err := client.Dispatch(t.Context(), &narada.Request{
			Prompt: "hello", CallbackURL: receiver.URL + ticket.Path, CallbackSecret: ticket.Secret,
			CallbackHeaders: map[string]string{"Authorization": ticket.Header.Get("Authorization")},
		})
		if err != nil {
			t.Fatal(err)
		}
		d := <-delivered
		if d.Result.RequestID != id || !d.Result.Final() {
			t.Errorf("delivered %s", d.Result.Raw())
		}
		r, err := client.Status(t.Context(), id)
		if err != nil || !r.Final() {
			t.Errorf("the task is not final when its callback has arrived: %v %v", r, err)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Errorf("closed again: %v", err)
	}
}

func TestDefaultTransportIsClosed(t *testing.T) {
	delivered := make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(delivered) }))
	defer receiver.Close()
	s, err := Start(t.Context(), Options{Delay: -1})
	if err != nil {
		t.Fatal(err)
	}
	body := strings.NewReader(`{"prompt":"x","callbackUrl":"` + receiver.URL + `/a"}`)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/remote-dispatch", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Content-Type": {"application/json"}, "X-Api-Key": {"k"}}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	<-delivered
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCloseDropsPendingTasks(t *testing.T) {
	for name, rules := range map[string]string{
		"a task":             `delay: 1h`,
		"a person":           `rules: [{humanInput: {for: 1h, callback: true}}]`,
		"a late callback":    `rules: [{faults: {callback: {late: 1h, repeated: 1000}}}]`,
		"a refused callback": `rules: [{faults: {callback: {repeated: 1000}}}]`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, rules, nil)
				for range 100 {
					w.hook.answers = append(w.hook.answers, 500)
				}
				for range 3 {
					w.dispatch(t, request("x"))
				}
				time.Sleep(1500 * time.Millisecond)
				w.http.CloseIdleConnections()
				synctest.Wait()
				start := time.Now()
				if err := w.Close(t.Context()); err != nil {
					t.Error(err)
				}
				if took := time.Since(start); took > grace {
					t.Errorf("closing took %v", took)
				}
			})
		})
	}
}

func TestAClosedSandboxRefusesDispatches(t *testing.T) {
	c := newServer(Options{})
	if err := c.stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "http://localhost/remote-dispatch", strings.NewReader(`{"prompt":"x"}`))
	r.Header = http.Header{"Content-Type": {"application/json"}, "X-Api-Key": {"k"}}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// stuckTransport ignores the context of its request.
type stuckTransport struct{ until chan struct{} }

func (d stuckTransport) RoundTrip(*http.Request) (*http.Response, error) {
	<-d.until
	return nil, errors.New("late")
}

func TestCloseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := stuckTransport{make(chan struct{})}
		w := newWorld(t, "", func(o *Options) { o.Transport = transport })
		w.dispatch(t, request("x"))
		time.Sleep(2 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := w.stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		close(transport.until)
	})
}

func TestManyTasksRunConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "", func(o *Options) { o.Random = nil })
		const n = 200
		var calls sync.WaitGroup
		for range n {
			calls.Go(func() {
				id, err := w.client.Dispatch(t.Context(), request("x"))
				if err != nil {
					t.Error(err)
					return
				}
				if r, err := w.client.Wait(t.Context(), id); err != nil || !r.Final() {
					t.Error(r, err)
				}
			})
		}
		calls.Wait()
		if s := w.Stats(); s.Dispatches != n || s.Finished != n || s.CallbacksAccepted != n {
			t.Errorf("%+v", s)
		}
		tasks := w.Tasks()
		for i, task := range tasks {
			if i > 0 && task.CreatedAt.Before(tasks[i-1].CreatedAt) || !task.CompletedAt.After(task.CreatedAt) || task.Status != narada.StatusSuccess {
				t.Errorf("task %d: %+v", i, task)
			}
		}
	})
}

func TestOldestFinishedTasksAreRemovedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, `rules: [{match: slow, delay: 1h}]`, nil)
		slow := w.dispatch(t, request("slow"))
		first := w.dispatch(t, request("x"))
		time.Sleep(2 * time.Second)
		second := w.dispatch(t, request("x"))
		time.Sleep(2 * time.Second)
		w.mu.Lock()
		full := w.kept
		w.kept = maxKept - 10 // as with large tasks
		w.mu.Unlock()
		third := w.dispatch(t, request("x"))
		if _, err := w.client.Status(t.Context(), first); err == nil {
			t.Error("the first task is still there")
		}
		for _, id := range []string{slow, second, third} {
			w.status(t, id)
		}
		w.mu.Lock()
		w.kept = maxKept + full // removing finished tasks does not free enough
		w.mu.Unlock()
		_, err := w.client.Dispatch(t.Context(), request("x"))
		if api, ok := errors.AsType[*narada.APIError](err); !ok || api.StatusCode != http.StatusTooManyRequests {
			t.Errorf("got %v", err)
		}
	})
}

func TestBadRandomSourceIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "", func(o *Options) { o.Random = strings.NewReader(strings.Repeat("x", 32)) })
		w.dispatch(t, request("x"))
		for _, want := range []string{"Duplicate request ID", "randomness"} {
			if _, err := w.client.Dispatch(t.Context(), request("x")); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v", err)
			}
		}
	})
}
