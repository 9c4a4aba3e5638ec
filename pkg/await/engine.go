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

// Client is the API as an Engine uses it. *narada.Client has it.
type Client interface {
	Dispatch(ctx context.Context, r *narada.Request) (id string, err error)
	Status(ctx context.Context, id string) (*narada.Result, error)
}

// Store is where an Engine keeps what happens to tasks. *sqlite.Store has it.
type Store interface {
	store.Writer
	Last(ctx context.Context) (seq int64, err error)
	FollowOthers(ctx context.Context, after int64) iter.Seq2[store.Entry, error]
	Task(ctx context.Context, id string) (t store.Task, ok bool, err error)
	Final(ctx context.Context, t store.Task) (*narada.Result, error)
}

// Endpoint is where callbacks come in. *receive.Server has it.
type Endpoint interface {
	Issue() (webhook.Ticket, error)
	URL(webhook.Ticket) string
	Withdraw(webhook.Ticket)
}

// Options say what an Engine does.
type Options struct {
	Client       Client
	Store        Store  // nil: nothing is kept
	Source       string // the command that sends tasks, as the store has it
	Cloud        string // address of the API, as the store has it
	PollInterval time.Duration

	// Many tasks: what several of them have in common is reported once, and a request
	// that the API refuses (see RefusesRequest) is stored with the reason.
	Many bool

	// Report, if not nil, is told what happens, by several goroutines at once and
	// never under a lock.
	Report func(Event)

	// Again, if not nil, is called before a dispatch is sent again, and may make it
	// wait until its ctx ends.
	Again func(context.Context) error
}

// Engine dispatches tasks and waits for them. It is safe for use by several goroutines
// at once.
type Engine struct {
	o      Options
	poller *poller

	running   context.Context // until Close
	stop      context.CancelFunc
	following sync.WaitGroup

	// What was reported, and is not again; the first two with Many tasks alone.
	pollsFail, pollsRefused, storeFails atomic.Bool

	endpoint Endpoint // nil: there is none

	mu        sync.Mutex
	reception reception
	byTicket  map[string]*waiter
	byID      map[string]*waiter
}

// New returns an Engine, which runs until Close.
func New(o Options) *Engine {
	e := &Engine{o: o, byTicket: map[string]*waiter{}, byID: map[string]*waiter{}}
	if o.Report == nil {
		e.o.Report = func(Event) {}
	}
	if o.Again == nil {
		e.o.Again = func(context.Context) error { return nil }
	}
	e.running, e.stop = context.WithCancel(context.Background())
	e.poller = newPoller(pollerOptions{
		status: o.Client.Status, pace: noEndpoint.pace(o.PollInterval),
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

// Close ends what goes on in the background, and waits for it. No other method of the
// Engine may be under way, but for Deliver.
func (e *Engine) Close() {
	e.poller.close()
	e.stop()
	e.following.Wait()
}

// saidBefore reports whether the same was reported of another of many tasks.
func (e *Engine) saidBefore(said *atomic.Bool) bool { return e.o.Many && said.Swap(true) }

// Listen has callbacks come in at the endpoint, whose sink the Engine is, from now on,
// and looks for those of its tasks that come in at other processes. It may be called
// once, before the first task.
func (e *Engine) Listen(in Endpoint) {
	e.endpoint = in
	e.receive(endpointOpened)
	e.followOthers(func() error { return nil })
}

// Endpoint says what happens to the endpoint; err, if not nil, is why.
func (e *Engine) Endpoint(event EndpointEvent, err error) {
	e.o.Report(EndpointChanged{event, err})
	e.receive(event)
}

// receive takes what happens to the endpoint.
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

// Deliver implements webhook.Sink. A callback for another process's task is kept for
// that one, which sees it in the store. One that could not be stored is not
// acknowledged, though its task has its answer.
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

// Receives reports whether a callback that is sent to that URL comes in here.
func (e *Engine) Receives(callbackURL string) bool {
	return e.endpoint != nil && strings.HasPrefix(callbackURL, e.endpoint.URL(webhook.Ticket{Path: "/"}))
}

// waiterOf returns the waiter for a callback that shows the ticket of that path: the
// one whose ticket it is, or else that of its task, if that has none here; nil when
// there is none.
func (e *Engine) waiterOf(path string, r *narada.Result) *waiter {
	e.mu.Lock()
	defer e.mu.Unlock()
	if w := e.byTicket[path]; w != nil {
		return w
	}
	if w := e.byID[r.RequestID]; w != nil && w.anyTicket {
		return w
	}
	return nil
}

// tell tells the waiter of the task called id, if there is one.
func (e *Engine) tell(id string, n news) {
	e.mu.Lock()
	w := e.byID[id]
	e.mu.Unlock()
	if w != nil {
		w.put(n)
	}
}

// expect makes the waiter known, by its ticket and its request ID as far as it has
// them.
func (e *Engine) expect(w *waiter) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if w.answer.Ticket != "" {
		e.byTicket[w.answer.Ticket] = w
		w.callbacks = e.reception.callbacks()
	}
	if w.id != "" {
		e.byID[w.id] = w
	}
}

// watch polls for the waiter's task, whose request ID is known now; for one that was
// dispatched before, at once.
func (e *Engine) watch(w *waiter, deadline time.Time) {
	var first time.Duration
	if w.sent != nil {
		first = e.poller.first()
	}
	e.expect(w)
	w.unwatch = e.poller.watch(watch{id: w.id, mayAppear: !w.known}, first, deadline)
}

// forget ends the wait: what comes later is for nobody.
func (e *Engine) forget(w *waiter) {
	if w.unwatch != nil {
		w.unwatch()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.byTicket[w.answer.Ticket] == w {
		delete(e.byTicket, w.answer.Ticket)
	}
	if e.byID[w.id] == w {
		delete(e.byID, w.id)
	}
}

// Job is a task that is to be dispatched.
type Job struct {
	Request *narada.Request // Run adds callbackUrl, callbackSecret and callbackHeaders
	Prompt  string          // as it was written, for the store
	Item    store.Item      // its line of a batch; zero: none

	// Ticket is the one that the callback will show that the Request asks for, for
	// Submit; zero: none that is known here.
	Ticket webhook.Ticket

	// MustKeep has nothing sent when the store cannot keep the task.
	MustKeep bool

	// Sent, if not nil, is called once: when the first dispatch call has ended, or Run
	// returns.
	Sent func()
}

// Run dispatches the task, once and only once as far as the cloud lets us know, and
// returns its final answer, the first that comes. Task and Ticket of the Answer are
// set also when there is an error.
//
// An error is a *NotKeptError when nothing was sent since the task could not be
// kept; a *narada.DispatchError when the dispatch failed: with Maybe set, it is not
// known whether the task was accepted, and no callback can tell. It is an
// *UnfinishedError when ctx ended before the task did, or neither the cloud nor a
// callback can tell of it any more.
func (e *Engine) Run(ctx context.Context, j Job) (Answer, error) {
	if j.Sent != nil {
		j.Sent = sync.OnceFunc(j.Sent)
		defer j.Sent()
	}
	w, withdraw, err := e.begin(j, e.endpoint)
	if err != nil {
		return Answer{}, err
	}
	defer withdraw()
	return e.send(ctx, w, j)
}

// Submit dispatches the task without waiting for it. When ctx ends it gives a call
// that is under way another second to learn the ID; the ID then comes with the cause
// of ctx's end. Other errors are those of Run.
func (e *Engine) Submit(ctx context.Context, j Job) (id string, err error) {
	w, _, err := e.begin(j, nil)
	if err != nil {
		return "", err
	}
	w.handOver = true
	_, err = e.send(ctx, w, j)
	return w.id, err
}

// begin gives the task a ticket of the endpoint, if any, and a place in the store.
// withdraw is called after the wait.
func (e *Engine) begin(j Job, in Endpoint) (w *waiter, withdraw func(), err error) {
	w, withdraw = newWaiter(), func() {}
	w.item = j.Item
	if j.Sent != nil {
		w.callEnded = j.Sent
	}
	ticket := j.Ticket
	if in != nil {
		if ticket, err = in.Issue(); err != nil {
			return nil, nil, err
		}
		AskForCallback(j.Request, in.URL(ticket), ticket)
		w.answer.Ticket = ticket.Path
	}
	w.answer.Task, err = e.keepIntended(j, ticket)
	if in != nil && (w.answer.Task != 0 || err != nil) { // the store knows it, should a callback come again
		withdraw = func() { in.Withdraw(ticket) }
	}
	if err != nil {
		withdraw()
		return nil, nil, err
	}
	return w, withdraw, nil
}

func (e *Engine) send(ctx context.Context, w *waiter, j Job) (Answer, error) {
	e.expect(w)
	w.sent = e.dispatch(ctx, j.Request, w)
	defer w.sent.stop()
	return e.wait(ctx, w)
}

// AskForCallback has the request's callback come to url and show the ticket.
func AskForCallback(r *narada.Request, url string, t webhook.Ticket) {
	r.CallbackURL, r.CallbackSecret = url, t.Secret
	r.CallbackHeaders = make(map[string]string, len(t.Header))
	for name := range t.Header {
		r.CallbackHeaders[name] = t.Header.Get(name)
	}
}
