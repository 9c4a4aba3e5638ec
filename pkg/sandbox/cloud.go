package sandbox

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// DefaultDelay is how long a task is pending when nothing says otherwise.
const DefaultDelay = time.Second

// The limits of what is kept.
const (
	maxFinished = 100_000   // finished tasks; the oldest are forgotten first
	maxKept     = 256 << 20 // bytes of all dispatches, pending ones too
	maxBody     = 8 << 20   // bytes of one dispatch
)

// Options say how a sandbox behaves. The zero value is ready to use.
type Options struct {
	// Addr is the address to listen on, which must be loopback. The default is
	// 127.0.0.1:0, a free port. New does not look at it.
	Addr string

	// Delay is how long a task is pending. 0 leaves it to the rules, and to
	// DefaultDelay; a negative one is no delay. A rule's own delay comes first.
	Delay time.Duration

	Rules *Rules // nil: every task succeeds

	APIKey string // the one that is accepted; "": any that is not empty

	// Transport carries the callbacks. The default is one of the sandbox's own,
	// with at most 128 connections to one host.
	Transport http.RoundTripper

	// MaxUpload and MaxStored bound one upload, its form included, and all uploads
	// together, in bytes. 0 is 2 GiB and 4 GiB.
	MaxUpload, MaxStored int64

	Random io.Reader // source of request IDs; nil: crypto/rand.Reader

	// Observe is told of each request and each attempt at a callback. It is
	// called by several goroutines at once and must return soon.
	Observe func(Event)
}

// Event is something that happened. There are no secrets in it, and of a
// callback's address only the host, as its path may be one.
type Event struct {
	Kind       EventKind
	RequestID  string // "" when none is concerned
	Method     string // of a request
	Path       string // of a request
	Host       string // of a callback's receiver
	Attempt    int    // at a callback, from 1
	StatusCode int    // 0: no answer
	Err        error  // of a callback that was not answered
	Duration   time.Duration
	Fault      string // what was done wrong on purpose, "" when nothing
}

// EventKind is the kind of an Event.
type EventKind string

// The kinds of events.
const (
	EventRequest  EventKind = "request"
	EventCallback EventKind = "callback"
)

// Stats counts what a sandbox has done so far.
type Stats struct {
	DispatchCalls     int // answered in any way
	Dispatches        int // accepted
	StatusCalls       int // answered in any way
	Finished          int // tasks
	CallbackAttempts  int // of genuine callbacks and of those that faults add
	CallbacksAccepted int // genuine ones, repetitions too
	CallbacksGivenUp  int // genuine ones that were not accepted in the end
	Uploads           int // files that came whole
	SessionsStarted   int
	SessionsStopped   int // by a call
	Downloads         int // files that were fetched
}

// Task is a task that was dispatched and is still remembered.
type Task struct {
	ID          string
	Prompt      string
	Body        json.RawMessage // the dispatch as it came, secrets too
	Status      narada.Status
	CreatedAt   time.Time
	CompletedAt time.Time // zero while the task goes on
}

// Cloud is a sandbox without a listener. It is an http.Handler, safe for use by
// several goroutines at once. It must be closed.
type Cloud struct {
	options   Options
	transport http.RoundTripper
	idle      func() // closes the transport's idle connections, if it is ours

	stop  context.CancelFunc // ends what tasks wait for
	ctx   context.Context
	tasks sync.WaitGroup

	randomness sync.Mutex // held while Options.Random is read

	mu       sync.Mutex
	closed   bool
	byID     map[string]*task
	finished []*task // oldest first
	kept     int     // bytes of dispatches in byID
	accepted int     // dispatches so far: the next task's number
	used     map[faultUse]int
	stats    Stats
	storage  storage
	sessions sessions
}

// faultUse names a fault of a rule, or of noRule, whose uses are counted.
type faultUse struct {
	rule   int
	name   string
	prompt [sha256.Size]byte // the sum of it, where each counts by itself
}

// noRule stands for the faults of calls that are for no prompt.
const noRule = -2

// New returns a sandbox that answers requests given to its ServeHTTP.
func New(o Options) *Cloud {
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.MaxUpload == 0 {
		o.MaxUpload = maxUpload
	}
	if o.MaxStored == 0 {
		o.MaxStored = maxStored
	}
	if o.Observe == nil {
		o.Observe = func(Event) {}
	}
	c := &Cloud{options: o, transport: o.Transport, idle: func() {}, byID: make(map[string]*task), used: make(map[faultUse]int)}
	if c.transport == nil {
		own := narada.NewTransport()
		own.MaxConnsPerHost = 128
		c.transport, c.idle = own, own.CloseIdleConnections
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

// Close refuses further dispatches, drops what is pending, callbacks too, and
// waits for every goroutine. The error is ctx's, when a transport that does not
// heed its context keeps one from ending.
func (c *Cloud) Close(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.stop()
	ended := make(chan struct{})
	go func() {
		c.tasks.Wait()
		c.removeFolder()
		c.idle()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close the sandbox: %w", ctx.Err())
	}
}

// Stats returns the counts so far.
func (c *Cloud) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

// Tasks lists the tasks in the order of their dispatches: all that go on, and
// the last 100,000 of those that have finished (fewer, when they take more than
// 256 MiB).
func (c *Cloud) Tasks() []Task {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := slices.Collect(maps.Values(c.byID))
	sort.Slice(known, func(i, j int) bool { return known[i].number < known[j].number })
	list := make([]Task, len(known))
	for i, t := range known {
		list[i] = Task{ID: t.id, Prompt: t.prompt, Body: t.body, Status: t.status, CreatedAt: t.created, CompletedAt: t.completed}
	}
	return list
}

// random returns n random bytes in hexadecimal.
func (c *Cloud) random(n int) (string, error) {
	c.randomness.Lock()
	defer c.randomness.Unlock()
	b := make([]byte, n)
	if _, err := io.ReadFull(c.options.Random, b); err != nil {
		return "", err
	}
	return hex.EncodeToString(b), nil
}

// take reports whether a fault applies now, and counts that it did.
func (c *Cloud) take(number int, name, prompt string, f *fault) bool {
	if f == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	use := faultUse{rule: number, name: name}
	if f.Each {
		use.prompt = sha256.Sum256([]byte(prompt))
	}
	if c.used[use] >= *f.Times {
		return false
	}
	c.used[use]++
	return true
}

// count changes the counts.
func (c *Cloud) count(change func(*Stats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.stats)
}

// delay is how long a task of the rule is pending.
func (c *Cloud) delay(r *rule) time.Duration {
	switch {
	case r.Delay != nil:
		return time.Duration(*r.Delay)
	case c.options.Delay != 0:
		return max(c.options.Delay, 0)
	case c.options.Rules != nil && c.options.Rules.delay != nil:
		return time.Duration(*c.options.Rules.delay)
	}
	return DefaultDelay
}

func sortedNames(members map[string]any) []string { return slices.Sorted(maps.Keys(members)) }
