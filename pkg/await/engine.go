package await

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Client is the API as an Engine uses it. *narada.Client implements it.
type Client interface {
	Dispatch(ctx context.Context, r *narada.Request) (id string, err error)
	Status(ctx context.Context, id string) (*narada.Result, error)
}

// Store is the ledger as an Engine uses it. *sqlite.Store implements it.
type Store interface {
	store.Writer
	Last(ctx context.Context) (seq int64, err error)
	FollowOthers(ctx context.Context, after int64, wanted func() store.Wanted) iter.Seq2[store.Entry, error]
	Task(ctx context.Context, id string) (t store.Task, ok bool, err error)
	Final(ctx context.Context, t store.Task) (*narada.Result, error)
}

// Endpoint receives callbacks. *receive.Server implements it.
type Endpoint interface {
	Issue() (webhook.Ticket, error)
	URL(webhook.Ticket) string
	Withdraw(webhook.Ticket)
}

// Options configure an Engine.
type Options struct {
	Client       Client
	Store        Store  // nil: nothing is stored
	Source       string // the command that sends tasks, for the store
	Machine      string // name of this machine, as the store has it
	Cloud        string // address of the API, for the store
	PollInterval time.Duration

	// Many reports what many tasks have in common once, and stores why the API refused the
	// content of a request (see RefusesRequest).
	Many bool

	// Report, if not nil, is called with each event, by several goroutines at once and
	// never under a lock.
	Report func(Event)

	// Again, if not nil, is called before a dispatch is retried. It may wait, and an error
	// ends the dispatch.
	Again func(context.Context) error

	// Stopped, if not nil, is closed to end the retries of dispatches, also during their
	// pauses. A task that was not accepted then ends with its last error.
	Stopped <-chan struct{}
}

// Engine dispatches tasks and waits for them. It is safe for concurrent use.
type Engine struct {
	o      Options
	poller *poller

	running   context.Context // until Close
	stop      context.CancelFunc
	following sync.WaitGroup

	// Set once it was reported; the first two only with Many.
	pollsFail, pollsRefused, storeFails atomic.Bool

	endpoint Endpoint // nil: none
	progress atomic.Pointer[Progress]

	mu        sync.Mutex
	reception reception
	byTicket  map[string]*waiter
	byID      map[string][]*waiter // several if the API has reused the ID
}

// New returns an Engine, which runs until Close.
func New(o Options) *Engine {
	e := &Engine{o: o, byTicket: map[string]*waiter{}, byID: map[string][]*waiter{}}
	if o.Report == nil {
		e.o.Report = func(Event) {}
	}
	if o.Again == nil {
		e.o.Again = func(context.Context) error { return nil }
	}
	e.running, e.stop = context.WithCancel(context.Background())
	e.poller = newPoller(pollerOptions{
		status: o.Client.Status, pace: noEndpoint.pace(o.PollInterval), alone: paceAlone(o.PollInterval),
		answer: func(id string, r *narada.Result) {
			e.tell(id, heard{Answer{Result: r, By: ByPoll}})
		},
		failed: func(id string, err error, inARow int, gaveUp bool) {
			if gaveUp {
				e.tell(id, pollRefused{err})
			} else {
				e.tell(id, pollFailed{err, inARow})
			}
		},
	})
	return e
}

// Close ends the background work and waits for it. No method except Deliver may be running.
func (e *Engine) Close() {
	e.poller.close()
	e.stop()
	e.following.Wait()
}

// saidBefore reports whether said was set for another of many tasks, and sets it.
func (e *Engine) saidBefore(said *atomic.Bool) bool { return e.o.Many && said.Swap(true) }

// Listen makes in the endpoint for callbacks, whose sink is the Engine, and follows the
// callbacks that other processes receive. It may be called once, before the first task.
func (e *Engine) Listen(in Endpoint) {
	e.endpoint = in
	e.receive(endpointOpened)
	e.followOthers(func() error { return nil })
}

// Endpoint reports an event of the endpoint; err, if not nil, is its cause.
func (e *Engine) Endpoint(event EndpointEvent, err error) {
	e.o.Report(EndpointChanged{event, err})
	e.receive(event)
}

// receive applies an event of the endpoint.
func (e *Engine) receive(event EndpointEvent) {
	e.mu.Lock()
	before := e.reception
	now := before.next(event)
	e.reception = now
	var waiting []*waiter
	if !now.callbacks() {
		waiting = slices.Collect(maps.Values(e.byTicket))
	}
	e.mu.Unlock()
	if now == before {
		return
	}
	e.poller.setPace(now.pace(e.o.PollInterval), now != receiving)
	for _, w := range waiting {
		w.put(callbacksClosed{})
	}
}

// Deliver implements webhook.Sink. Another process sees the callbacks of its tasks in the
// store. A callback that could not be stored is an answer, but is not acknowledged.
func (e *Engine) Deliver(ctx context.Context, d webhook.Delivery) error {
	e.o.Report(CallbackReceived{d.Result})
	var err error
	if e.o.Store != nil {
		err = e.o.Store.Write(ctx, &store.Deliver{Delivery: d})
	}
	if w := e.waiterOf(d.Ticket.Path, d.Result); w != nil {
		if err != nil {
			e.o.Report(StoreFailed{LossAnswer, err})
		}
		w.put(heard{Answer{Result: d.Result, By: ByCallback}})
	}
	return err
}

// Receives reports whether callbacks to that URL arrive here.
func (e *Engine) Receives(callbackURL string) bool {
	return e.endpoint != nil && strings.HasPrefix(callbackURL, e.endpoint.URL(webhook.Ticket{Path: "/"}))
}

// waiterOf returns the waiter for a callback to a ticket's path: the owner of the ticket,
// or else that of the task, if it has no ticket here; nil if there is none.
func (e *Engine) waiterOf(path string, r *narada.Result) *waiter {
	e.mu.Lock()
	defer e.mu.Unlock()
	if w := e.byTicket[path]; w != nil {
		return w
	}
	for _, w := range e.byID[r.RequestID] {
		if w.anyTicket {
			return w
		}
	}
	return nil
}

// tell tells the waiters for a request ID.
func (e *Engine) tell(id string, n news) {
	e.mu.Lock()
	waiting := slices.Clone(e.byID[id])
	e.mu.Unlock()
	for _, w := range waiting {
		w.put(n)
	}
}

// expect registers the waiter by its ticket and its request ID, as far as it has them.
func (e *Engine) expect(w *waiter) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if w.answer.Ticket != "" {
		e.byTicket[w.answer.Ticket] = w
		w.callbacks = e.reception.callbacks()
	}
	if w.id != "" && !slices.Contains(e.byID[w.id], w) {
		e.byID[w.id] = append(e.byID[w.id], w)
	}
}

// watch starts polling for the waiter's task, immediately if it was dispatched earlier.
func (e *Engine) watch(w *waiter, deadline time.Time) {
	e.expect(w)
	w.unwatch = e.poller.watch(watch{id: w.id, mayAppear: !w.known, reached: w.sent != nil, alone: w.answer.Ticket == ""}, w.sent == nil, deadline)
}

// forget unregisters the waiter.
func (e *Engine) forget(w *waiter) {
	if w.unwatch != nil {
		w.unwatch()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.byTicket[w.answer.Ticket] == w {
		delete(e.byTicket, w.answer.Ticket)
	}
	e.forgetID(w)
}

// forgetID unregisters the waiter by its request ID. The lock is held.
func (e *Engine) forgetID(w *waiter) {
	others := slices.DeleteFunc(e.byID[w.id], func(other *waiter) bool { return other == w })
	if e.byID[w.id] = others; len(others) == 0 {
		delete(e.byID, w.id)
	}
}

// Job is a task to dispatch.
type Job struct {
	Request *narada.Request // Run adds the callback fields
	Prompt  string          // as written, for the store
	Item    store.Item      // its line in a batch; zero: none

	// Ticket, for Submit, is what the callback will show that the Request asks for; zero:
	// none known here.
	Ticket webhook.Ticket

	// Task is the number of a task that is stored already, with the Ticket that this Engine
	// has issued for it; 0: Run stores it.
	Task int64

	// Guard is written with each write about the task, which it may refuse; nil: none.
	Guard store.Op

	// MustKeep does not send a task that cannot be stored.
	MustKeep bool

	// Sent, if not nil, is called once, after the first dispatch call.
	Sent func()
}

// Run dispatches the task, exactly once as far as the cloud lets us know, and returns its
// first final answer. Task and Ticket of the Answer are set also with an error.
//
// The error is a *NotKeptError if the task was not sent because it could not be stored; a
// *narada.DispatchError if the dispatch failed (with Maybe set, the task may have been
// accepted, and no callback can tell); an *UnfinishedError if ctx ended before the task
// did, no answer can arrive any more, or the wait panicked (its Cause is a *panics.Error).
func (e *Engine) Run(ctx context.Context, j Job) (Answer, error) {
	if j.Sent != nil {
		j.Sent = sync.OnceFunc(j.Sent)
		defer j.Sent()
	}
	w, err := e.begin(j, e.endpoint)
	if err != nil {
		return Answer{}, err
	}
	defer w.withdraw()
	return e.send(ctx, w, j)
}

// Submit dispatches the task without waiting for its answer. When ctx ends, the call under
// way has another second to get the ID, which is returned with the cause of ctx's end.
// Other errors are those of Run.
func (e *Engine) Submit(ctx context.Context, j Job) (id string, err error) {
	w, err := e.begin(j, nil)
	if err != nil {
		return "", err
	}
	w.handOver = true
	_, err = e.send(ctx, w, j)
	return w.id, err
}

// begin issues a ticket for the task, if there is an endpoint, and stores the task.
func (e *Engine) begin(j Job, in Endpoint) (w *waiter, err error) {
	w = newWaiter()
	w.item, w.guard = j.Item, j.Guard
	if j.Sent != nil {
		w.callEnded = j.Sent
	}
	ticket := j.Ticket
	if j.Task != 0 {
		e.adoptIntent(j, w)
		return w, nil
	}
	if in != nil {
		if ticket, err = in.Issue(); err != nil {
			return nil, err
		}
		AskForCallback(j.Request, in.URL(ticket), ticket)
		w.answer.Ticket = ticket.Path
	}
	w.answer.Task, err = e.keepIntended(j, ticket)
	if in != nil && (w.answer.Task != 0 || err != nil) { // the store has it for repeats
		w.withdraw = func() { in.Withdraw(ticket) }
	}
	if err != nil {
		w.withdraw()
		return nil, err
	}
	return w, nil
}

// Issue returns a ticket for the callback of a task that is stored before Run is called, and
// its URL, "" if no callback arrives here.
func (e *Engine) Issue() (store.Address, error) {
	if e.endpoint == nil {
		return store.Address{}, nil
	}
	t, err := e.endpoint.Issue()
	if err != nil {
		return store.Address{}, err
	}
	return store.Address{Ticket: t, URL: e.endpoint.URL(t)}, nil
}

// Withdraw ends a ticket from Issue with which Run was not called.
func (e *Engine) Withdraw(a store.Address) {
	if a.URL != "" {
		e.endpoint.Withdraw(a.Ticket)
	}
}

// adoptIntent prepares the waiter of a task that is stored already.
func (e *Engine) adoptIntent(j Job, w *waiter) {
	w.answer.Task = j.Task
	if j.Ticket.Path != "" {
		AskForCallback(j.Request, e.endpoint.URL(j.Ticket), j.Ticket)
		w.answer.Ticket, w.withdraw = j.Ticket.Path, func() { e.endpoint.Withdraw(j.Ticket) }
	}
}

func (e *Engine) send(ctx context.Context, w *waiter, j Job) (Answer, error) {
	e.expect(w)
	w.sent = e.dispatch(ctx, j, w)
	defer w.sent.stop()
	return e.wait(ctx, w)
}

// AskForCallback makes the request ask for a callback to url that shows the ticket.
func AskForCallback(r *narada.Request, url string, t webhook.Ticket) {
	r.CallbackURL, r.CallbackSecret = url, t.Secret
	r.CallbackHeaders = make(map[string]string, len(t.Header))
	for name := range t.Header {
		r.CallbackHeaders[name] = t.Header.Get(name)
	}
}
