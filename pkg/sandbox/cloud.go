package sandbox

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/narada"
)

// DefaultDelay is how long a task is pending by default.
const DefaultDelay = time.Second

// The limits of memory.
const (
	maxFinished = 100_000   // finished tasks; the oldest are removed first
	maxKept     = 256 << 20 // bytes of all dispatches, pending ones too
	maxBody     = 8 << 20   // bytes of one dispatch
)

// Options configure a sandbox. The zero value is ready to use.
type Options struct {
	// Addr is the loopback address to listen on. The default is 127.0.0.1:0, a free
	// port.
	Addr string

	// Delay is how long a task is pending. 0: the delay of the rules, or DefaultDelay.
	// Negative: no delay. The delay of a single rule has precedence.
	Delay time.Duration

	Rules *Rules // nil: every task succeeds

	APIKey string // the valid one; "": any that is not empty

	// Transport sends the callbacks. The default has at most 128 connections to a host.
	Transport http.RoundTripper

	// MaxUpload and MaxStored limit one upload, including its form, and all uploads, in
	// bytes. 0: 2 GiB and 4 GiB.
	MaxUpload, MaxStored int64

	Random io.Reader // source of request IDs; nil: crypto/rand.Reader

	// Observe is called for each request and each callback attempt, by several
	// goroutines at once. It must return soon.
	Observe func(Event)

	// Changed is called when a task has been accepted, asks a person, and has finished, in
	// this order for each task. It must return soon. nil: not called.
	Changed func(Task)

	// Sent is called after each attempt to send a callback, by several goroutines at once. It
	// must return soon. nil: not called.
	Sent func(SentCallback)
}

// SentCallback is an attempt to send a callback.
type SentCallback struct {
	RequestID string
	URL       string      // may have secrets
	Header    http.Header // with its secrets
	Body      []byte      // with its secret
	Fault     string      // the fault that a rule caused, or ""
	Attempt   deliver.Attempt
}

// Event is a request or a callback attempt. It has no secrets, and only the host of a
// callback URL, because the path may be one.
type Event struct {
	Kind       EventKind
	RequestID  string // "" if there is none
	Method     string // of a request
	Path       string // of a request
	Host       string // of the callback URL
	Attempt    int    // of a callback, from 1
	StatusCode int    // 0: no answer
	Err        error  // of a callback without an answer
	Duration   time.Duration
	Fault      string // the fault that a rule caused, or ""
}

// EventKind is the kind of an Event.
type EventKind string

// The kinds of events.
const (
	EventRequest  EventKind = "request"
	EventCallback EventKind = "callback"
)

// Stats has the counts of a sandbox.
type Stats struct {
	DispatchCalls     int // with any answer
	Dispatches        int // accepted
	StatusCalls       int // with any answer
	Finished          int // tasks
	CallbackAttempts  int // including those that faults add
	CallbacksAccepted int // genuine ones, including repetitions
	CallbacksFailed   int // genuine ones that were never accepted
	Uploads           int // complete files
	SessionsStarted   int
	SessionsStopped   int // by a call
	Downloads         int // downloaded files
}

// Task is a dispatched task.
type Task struct {
	ID          string
	Prompt      string
	Body        json.RawMessage // of the dispatch, including secrets
	Status      narada.Status
	CreatedAt   time.Time
	CompletedAt time.Time // zero if it has not finished

	Answer json.RawMessage // of a status call, with requestId; only for Options.Changed
}

// Server is a running sandbox. It is safe for concurrent use.
type Server struct {
	listener net.Listener
	http     *http.Server
	served   chan struct{} // closed when http has stopped
	err      error         // why, once served is closed

	options   Options
	transport http.RoundTripper
	idle      func() // closes the idle connections of the default transport

	end   context.CancelFunc // of ctx
	ctx   context.Context    // of the waits of tasks
	tasks sync.WaitGroup

	randomness sync.Mutex // held while Options.Random is read

	mu       sync.Mutex
	closed   bool
	byID     map[string]*task
	finished []*task // oldest first
	kept     int     // bytes of dispatches in byID
	accepted int     // number of dispatches
	used     map[faultUse]int
	stats    Stats
	storage  storage
	sessions sessions
}

// faultUse identifies a fault of a rule, or of noRule, to count its uses.
type faultUse struct {
	rule   int
	name   string
	prompt [sha256.Size]byte // its digest, if each prompt is counted
}

// noRule is the index for faults of calls without a prompt.
const noRule = -2

// newServer returns a sandbox that does not listen yet.
func newServer(o Options) *Server {
	o.Rules = cmp.Or(o.Rules, &Rules{})
	o.Random = cmp.Or(o.Random, rand.Reader)
	o.MaxUpload = cmp.Or(o.MaxUpload, maxUpload)
	o.MaxStored = cmp.Or(o.MaxStored, maxStored)
	if o.Observe == nil {
		o.Observe = func(Event) {}
	}
	c := &Server{served: make(chan struct{}), options: o, transport: o.Transport, idle: func() {}, byID: make(map[string]*task), used: make(map[faultUse]int)}
	if c.transport == nil {
		own := narada.NewTransport()
		own.MaxConnsPerHost = 128
		c.transport, c.idle = own, own.CloseIdleConnections
	}
	c.ctx, c.end = context.WithCancel(context.Background())
	return c
}

// stop refuses further dispatches, drops pending tasks and callbacks, and waits for
// their goroutines until ctx ends.
func (c *Server) stop(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.end()
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
func (c *Server) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

// Tasks lists the tasks in the order of their dispatches: all unfinished ones, and the
// last 100,000 finished ones (fewer if they need more than 256 MiB).
func (c *Server) Tasks() []Task {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := slices.SortedFunc(maps.Values(c.byID), func(a, b *task) int { return a.number - b.number })
	list := make([]Task, len(known))
	for i, t := range known {
		list[i] = t.asTask()
	}
	return list
}

// random returns n random bytes in hexadecimal.
func (c *Server) random(n int) (string, error) {
	c.randomness.Lock()
	defer c.randomness.Unlock()
	return randomHex(c.options.Random, n)
}

func randomHex(source io.Reader, n int) (string, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(source, b)
	return hex.EncodeToString(b), err
}

// NewKey makes a random API key for Options.APIKey.
func NewKey(random io.Reader) (string, error) {
	key, err := randomHex(random, 16)
	if err != nil {
		return "", fmt.Errorf("sandbox: %w", err)
	}
	return "sandbox-" + key, nil
}

// take reports whether a fault applies now, and counts it.
func (c *Server) take(number int, name, prompt string, f *fault) bool {
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
func (c *Server) count(change func(*Stats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.stats)
}

// delay returns how long a task of the rule is pending.
func (c *Server) delay(r *rule) time.Duration {
	switch {
	case r.Delay != nil:
		return time.Duration(*r.Delay)
	case c.options.Delay != 0:
		return max(c.options.Delay, 0)
	case c.options.Rules.delay != nil:
		return time.Duration(*c.options.Rules.delay)
	}
	return DefaultDelay
}

func sortedNames(members map[string]any) []string { return slices.Sorted(maps.Keys(members)) }
