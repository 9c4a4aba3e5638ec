package receive

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
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
	return webhook.Ticket{}, false, k.err
}
func (k *keeper) Share(t webhook.Ticket) { k.shared = append(k.shared, t.Path) }

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
		Registry: Folder(t.TempDir()), Ticket: ticket, Random: rand.Reader,
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
	if c.Listening, err = NewListening(t.Context(), o); err != nil {
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

// send sends callbacks and returns the statuses of the answers.
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
