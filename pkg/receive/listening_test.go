package receive

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/webhook"
)

// keeper is an in-memory Store.
type keeper struct {
	stored func(store.Entry)
	err    error // of Store

	mu      sync.Mutex
	bodies  map[string]store.Forwarding
	shared  []string
	refused []string
}

func (k *keeper) Ticket(context.Context, string) (webhook.Ticket, bool, error) {
	return webhook.Ticket{}, false, nil
}
func (k *keeper) Share(path string) { k.shared = append(k.shared, path) }

func (k *keeper) Refuse(_ string, r store.Refusal) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refused = append(k.refused, r.Reason)
}

func (k *keeper) Store(_ context.Context, d webhook.Delivery, f store.Forwarding) (isNew bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return false, k.err
	}
	if _, known := k.bodies[string(d.Body)]; known {
		return false, nil
	}
	k.bodies[string(d.Body)] = f
	if !f.Unlisted {
		k.stored(store.Entry{Result: d.Result, Further: d.Result.Text() == "further"})
	}
	return true, nil
}

// forwards is a Forwarder that records how it was closed.
type forwards struct {
	takes  time.Duration // to finish
	woken  int
	closed string
}

func (f *forwards) Plan() store.Forwarding { return store.Forwarding{Listener: "l"} }
func (f *forwards) Wake()                  { f.woken++ }

func (f *forwards) Close(ctx context.Context, finish bool) (notForwarded, waiting int) {
	f.closed = fmt.Sprint("finish ", finish)
	if !finish {
		return 0, 1
	}
	ctx, cancel := context.WithTimeout(ctx, f.takes)
	defer cancel()
	<-ctx.Done()
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return 2, 0
	}
	return 0, 3
}

// command is a Listening under test.
type command struct {
	*Listening
	t         *testing.T
	m         *memory
	kept      *keeper
	forwards  *forwards
	interrupt context.CancelCauseFunc

	mu      sync.Mutex
	events  []Event
	printed []string

	ended chan struct{}
	sum   Summary
	err   error
}

// listen starts a Listening; change changes its options.
func listen(t *testing.T, change func(*command, *ListeningOptions)) *command {
	t.Helper()
	c := &command{t: t, m: newMemory(), kept: &keeper{bodies: map[string]store.Forwarding{}}, forwards: &forwards{}, ended: make(chan struct{})}
	ticket, err := webhook.NewTicket(rand.Reader, Prefix)
	if err != nil {
		t.Fatal(err)
	}
	o := ListeningOptions{
		Dir: t.TempDir(), Ticket: ticket, Random: rand.Reader,
		Open: func(context.Context) (Tunnel, error) { return c.m, nil },
		Transport: web(func(r *http.Request) (*http.Response, error) {
			r.URL.Scheme = "http"
			return c.m.client(t).Transport.RoundTrip(r)
		}),
		Print: func(r *narada.Result) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.printed = append(c.printed, r.Text())
			return nil
		},
		Report: func(e Event) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.events = append(c.events, e)
		},
	}
	change(c, &o)
	if c.Listening, err = NewListening(o); err != nil {
		t.Fatal(err)
	}
	c.kept.stored = c.Stored
	ctx, interrupt := context.WithCancelCause(t.Context())
	c.interrupt = interrupt
	go func() {
		defer close(c.ended)
		c.sum, c.err = c.Run(ctx, c.kept, func(context.Context, func(error)) (Forwarder, error) { return c.forwards, nil })
	}()
	synctest.Wait()
	return c
}

// send sends callbacks and returns the status of each answer.
func (c *command) send(texts ...string) (codes []int) {
	c.t.Helper()
	for _, text := range texts {
		ticket := c.o.Ticket
		if text == "forged" {
			ticket.Secret = "guess"
		}
		code, _ := post(c.t, c.m.client(c.t), callbackRequest(c.t, "https://hook.example/base"+ticket.Path, ticket, text))
		codes = append(codes, code)
		synctest.Wait() // until it is printed, or its reader stalls
	}
	return codes
}

// end waits for the end and checks it.
func (c *command) end(want Summary, err error, printed ...string) {
	c.t.Helper()
	<-c.ended
	if c.sum != want || !errors.Is(c.err, err) {
		c.t.Errorf("%+v, %v, want %+v, %v", c.sum, c.err, want, err)
	}
	if diff := cmp.Diff(printed, c.printed); diff != "" {
		c.t.Errorf("printed: %s", diff)
	}
	if err := c.Close(); err != nil {
		c.t.Error(err)
	}
	c.interrupt(nil)
}

// eventKinds are the events by their names.
func (c *command) eventKinds() (kinds []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.events {
		kinds = append(kinds, strings.TrimPrefix(fmt.Sprintf("%T", e), "receive."))
	}
	return kinds
}

var errInterrupted = errors.New("interrupted")

func TestOnlyNewCallbacksThatMatchAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := listen(t, func(_ *command, o *ListeningOptions) {
			o.Count = 2
			o.Filter = func(r *narada.Result) (bool, error) { return r.Text() != "unwanted", nil }
		})
		if diff := cmp.Diff([]int{200, 200, 401, 200}, c.send("a", "a", "forged", "unwanted")); diff != "" {
			t.Error(diff)
		}
		c.kept.err = errors.New("disk full")
		if diff := cmp.Diff([]int{503}, c.send("b")); diff != "" {
			t.Error(diff)
		}
		c.kept.err = nil
		if diff := cmp.Diff([]int{200}, c.send("further")); diff != "" {
			t.Error(diff)
		}
		c.end(Summary{Reason: ErrCounted, Done: 2, NotForwarded: 2}, nil, "a", "further")
		want := []string{"Ready", "Accepted", "Refused", "FilteredOut", "NotStored", "Refused", "Accepted"}
		if diff := cmp.Diff(want, c.eventKinds()); diff != "" {
			t.Error(diff)
		}
		unlisted := map[bool]int{}
		for _, f := range c.kept.bodies {
			unlisted[f.Unlisted]++
		}
		if diff := cmp.Diff(map[bool]int{true: 1, false: 2}, unlisted); diff != "" || c.forwards.woken != 2 {
			t.Errorf("woken %d times, unlisted %s", c.forwards.woken, diff)
		}
		if diff := cmp.Diff([]string{"wrong secret", "could not be stored, try again disk full"}, c.kept.refused); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{c.o.Ticket.Path}, c.kept.shared); diff != "" {
			t.Error(diff)
		}
	})
}

// One more than Count is left to another listener, also while the last is printed.
func TestNoMoreCallbacksAreTakenThanCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads := make(chan struct{})
		c := listen(t, func(c *command, o *ListeningOptions) {
			o.Count = 1
			print := o.Print
			o.Print = func(r *narada.Result) error { <-reads; return print(r) }
		})
		if diff := cmp.Diff([]int{200, 503}, c.send("a", "b")); diff != "" {
			t.Error(diff)
		}
		close(reads)
		c.end(Summary{Reason: ErrCounted, Done: 1, NotForwarded: 2}, nil, "a")
	})
}

func TestAFilterThatFailsKeepsTheCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := listen(t, func(_ *command, o *ListeningOptions) {
			o.Filter = func(*narada.Result) (bool, error) { return true, errors.New("not an object") }
		})
		if diff := cmp.Diff([]int{200}, c.send("a")); diff != "" {
			t.Error(diff)
		}
		c.interrupt(errInterrupted)
		c.end(Summary{Reason: errInterrupted, Waiting: 1}, nil)
		if diff := cmp.Diff([]string{"Ready", "FilteredOut"}, c.eventKinds()); diff != "" || len(c.kept.bodies) != 1 {
			t.Errorf("%d are kept, %s", len(c.kept.bodies), diff)
		}
	})
}

func TestACallbackWhoseFilterWasEndedIsNotAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := listen(t, func(_ *command, o *ListeningOptions) {
			o.Filter = func(*narada.Result) (bool, error) { return false, fmt.Errorf("--filter: %w", context.Canceled) }
		})
		if diff := cmp.Diff([]int{503}, c.send("a")); diff != "" {
			t.Error(diff)
		}
		c.interrupt(errInterrupted)
		c.end(Summary{Reason: errInterrupted, Waiting: 1}, nil)
		if diff := cmp.Diff([]string{"Ready", "NotStored", "Refused"}, c.eventKinds()); diff != "" || len(c.kept.bodies) != 0 {
			t.Errorf("%d are kept, %s", len(c.kept.bodies), diff)
		}
	})
}

// A stalled reader prevents neither acknowledgements nor the end of the command.
func TestAReaderThatStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads := make(chan struct{})
		c := listen(t, func(_ *command, o *ListeningOptions) {
			o.Print = func(*narada.Result) error { <-reads; return nil }
		})
		if diff := cmp.Diff([]int{200, 200}, c.send("a", "b")); diff != "" {
			t.Error(diff)
		}
		start := time.Now()
		c.interrupt(errInterrupted)
		c.end(Summary{Reason: errInterrupted, Waiting: 1}, nil)
		if took := time.Since(start); took < CloseLimit || took > CloseLimit+answerLimit {
			t.Errorf("it ended after %v", took)
		}
		close(reads)
		synctest.Wait()
		if diff := cmp.Diff([]string{"Ready", "NotPrinted"}, c.eventKinds()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAPrintErrorEndsTheCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken, reads, tried := errors.New("broken pipe"), make(chan struct{}), 0
		c := listen(t, func(_ *command, o *ListeningOptions) {
			o.Print = func(*narada.Result) error { tried++; <-reads; return broken }
		})
		if diff := cmp.Diff([]int{200, 200}, c.send("a", "b")); diff != "" {
			t.Error(diff)
		}
		close(reads)
		c.end(Summary{Reason: broken, Waiting: 1}, broken)
		if tried != 1 {
			t.Errorf("after the failure it was tried %d times", tried-1)
		}
	})
}

func TestTunnelEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("ERR_NGROK_4300")
		c := listen(t, func(*command, *ListeningOptions) {})
		for _, e := range []tunnel.Event{{Kind: tunnel.Lost}, {Kind: tunnel.Back}, {Kind: tunnel.Stopped, Err: gone}} {
			c.m.events <- e
		}
		<-c.ended
		if stopped, ok := errors.AsType[*StoppedError](c.err); !ok || stopped.Err != gone {
			t.Errorf("got %v", c.err)
		}
		c.end(Summary{Reason: c.err, Waiting: 1}, gone)
		if diff := cmp.Diff([]string{"Ready", "TunnelChanged", "TunnelChanged"}, c.eventKinds()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c := listen(t, func(_ *command, o *ListeningOptions) { o.Until = start.Add(time.Hour) })
		c.end(Summary{Reason: context.DeadlineExceeded, Waiting: 1}, nil)
		if took := time.Since(start); took < time.Hour || took > time.Hour+answerLimit {
			t.Errorf("it ended after %v", took)
		}
	})
}

// Counted callbacks are forwarded before the end; an interrupt does not wait for them.
func TestTheEndWaitsForForwards(t *testing.T) {
	tests := []struct {
		name      string
		interrupt error
		want      Summary
	}{
		{"to their end", nil, Summary{Reason: ErrCounted, Done: 1, NotForwarded: 2}},
		{"until an interrupt", errInterrupted, Summary{Reason: errInterrupted, Done: 1, Waiting: 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := listen(t, func(c *command, o *ListeningOptions) { o.Count, c.forwards.takes = 1, time.Hour })
				c.send("a")
				time.Sleep(time.Minute)
				if tt.interrupt != nil {
					c.interrupt(tt.interrupt)
				}
				c.end(tt.want, nil, "a")
				if diff := cmp.Diff([]string{"listener closed", "endpoint closed"}, c.m.order); diff != "" || c.forwards.closed != "finish true" {
					t.Errorf("%s %s", c.forwards.closed, diff)
				}
			})
		})
	}
}

// The ready file and the registration exist while the address answers.
func TestReadyFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "ready.json")
		stale := []byte(`{"url":"http://127.0.0.1:1"}`)
		if err := os.WriteFile(path, stale, 0o600); err != nil {
			t.Fatal(err)
		}
		answers := make(chan struct{})
		c := listen(t, func(c *command, o *ListeningOptions) {
			o.ReadyFile, o.Name = path, "blue"
			direct := o.Transport
			o.Transport = web(func(r *http.Request) (*http.Response, error) {
				select {
				case <-answers:
					return direct.RoundTrip(r)
				default:
					return nil, errors.New("no such host")
				}
			})
		})
		time.Sleep(time.Minute)
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("before the address answers: %v", err)
		}
		if names := running(t, c.o.Dir); names != nil {
			t.Errorf("before the address answers there is %v", names)
		}
		close(answers)
		time.Sleep(time.Minute)
		content, err := os.ReadFile(path)
		want := fmt.Sprintf(`{"url":"https://hook.example/base%s","secret":%q,"headers":{"Authorization":%q}}`+"\n",
			c.o.Ticket.Path, c.o.Ticket.Secret, c.o.Ticket.Header.Get("Authorization"))
		if diff := cmp.Diff(want, string(content)); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
		if diff := cmp.Diff([]string{"blue https://hook.example/base"}, running(t, c.o.Dir)); diff != "" {
			t.Error(diff)
		}
		c.interrupt(errInterrupted)
		c.end(Summary{Reason: errInterrupted, Waiting: 1}, nil)
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after the end: %v", err)
		}
		if diff := cmp.Diff([]string{"NotReady", "Ready"}, c.eventKinds()); diff != "" || !c.events[1].(Ready).Late {
			t.Errorf("%+v %s", c.events, diff)
		}
	})
}

// Another file is neither replaced at the start nor removed at the end.
func TestAnotherListenersReadyFileIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ready.json")
	other := []byte("not a ready file")
	if err := os.WriteFile(path, other, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := NewListening(ListeningOptions{Dir: t.TempDir(), ReadyFile: path})
	if _, ok := errors.AsType[*ReadyFileError](err); !ok {
		t.Errorf("got %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	ours, err := newReadyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := ours.write("https://hook.example", webhook.Ticket{}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, other, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ours.remove(); err != nil {
		t.Error(err)
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != string(other) {
		t.Errorf("%v %s", err, content)
	}
}

func TestOpeningThatFails(t *testing.T) {
	refused := errors.New("refused")
	tests := []struct {
		name      string
		interrupt error
		want      Summary
		err       error
	}{
		{"by itself", nil, Summary{}, refused},
		{"since it was interrupted", errInterrupted, Summary{Reason: errInterrupted}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := listen(t, func(_ *command, o *ListeningOptions) {
					o.Open = func(ctx context.Context) (Tunnel, error) {
						select {
						case <-time.After(time.Second):
						case <-ctx.Done():
						}
						return nil, refused
					}
				})
				if tt.interrupt != nil {
					c.interrupt(tt.interrupt)
				}
				c.end(tt.want, tt.err)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		c := &command{m: newMemory()}
		l, err := NewListening(ListeningOptions{Dir: t.TempDir(), Open: func(context.Context) (Tunnel, error) { return c.m, nil }})
		if err != nil {
			t.Fatal(err)
		}
		_, err = l.Run(t.Context(), &keeper{}, func(context.Context, func(error)) (Forwarder, error) { return nil, refused })
		if diff := cmp.Diff([]string{"endpoint closed"}, c.m.order); !errors.Is(err, refused) || diff != "" {
			t.Errorf("what cannot be forwarded: %v %s", err, diff)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}
