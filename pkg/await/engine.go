package await

import (
	"context"
	"errors"
	"iter"
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
	Intend(ctx context.Context, intents []store.Intent) (numbers []int64, err error) // durable before it returns
	Accepted(ctx context.Context, number int64, id string) error
	AcceptedTwice(ctx context.Context, number int64, id string) error
	Refused(ctx context.Context, number int64, failure string, at time.Time) error
	Polled(ctx context.Context, r *narada.Result, at time.Time) error
	Deliver(ctx context.Context, d webhook.Delivery) error // durable before it returns

	Last(ctx context.Context) (seq int64, err error)
	FollowOthers(ctx context.Context, after int64) iter.Seq2[store.Entry, error]
	Task(ctx context.Context, id string) (t store.Task, ok bool, err error)
	Numbered(ctx context.Context, number int64) (t store.Task, ok bool, err error)
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

	// Many tasks: what several of them have in common is reported once.
	Many bool

	// Report, if not nil, is told what happens, by several goroutines at once and
	// never under a lock.
	Report func(Event)

	// Again, if not nil, is called before a dispatch is sent again, and may make it
	// wait until its ctx ends.
	Again func(context.Context) error

	// Why, if not nil, words for the store why the API refused a request for what is
	// in it (see RefusesRequest): it is then not sent another time.
	Why func(*narada.DispatchError) string
}

// Engine dispatches tasks and waits for them.
type Engine struct{ o Options }

// New returns an Engine, which runs until Close.
func New(o Options) *Engine { return &Engine{o: o} }

// Close ends what goes on in the background, and waits for it. No method of the
// Engine may be under way.
func (e *Engine) Close() {}

// Listen has callbacks come in at the endpoint, whose sink the Engine is, from now on,
// and looks for those of its tasks that come in at other processes. It may be called
// once, before the first task.
func (e *Engine) Listen(in Endpoint) {}

// EndpointLost says that the endpoint cannot be reached for now: tasks are polled for
// as if there were none.
func (e *Engine) EndpointLost() {}

// EndpointBack says that the endpoint can be reached again.
func (e *Engine) EndpointBack() {}

// EndpointClosed says that no callback will come in any more, for err.
func (e *Engine) EndpointClosed(err error) {}

// Deliver implements webhook.Sink. A callback for another process's task is kept for
// that one, which sees it in the store. One that could not be stored is not
// acknowledged, though its task has its answer.
func (e *Engine) Deliver(ctx context.Context, d webhook.Delivery) error { return errNotBuilt }

// Receives reports whether a callback that is sent to that URL comes in here.
func (e *Engine) Receives(callbackURL string) bool { return false }

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

	// Sent, if not nil, is called when the first dispatch call has ended, unless Run
	// returns then.
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
func (e *Engine) Run(ctx context.Context, j Job) (Answer, error) { return Answer{}, errNotBuilt }

// Submit dispatches the task without waiting for it. When ctx ends it gives a call
// that is under way another second to learn the ID; the ID then comes with the cause
// of ctx's end. Other errors are those of Run.
func (e *Engine) Submit(ctx context.Context, j Job) (id string, err error) { return "", errNotBuilt }

// Dispatched is a task that was dispatched before.
type Dispatched struct {
	Task      int64      // its number in the store
	RequestID string     // "": it is not known, nor whether the task was accepted
	Ticket    string     // path of the ticket that its callback shows, "" when none comes here
	Item      store.Item // its line of a batch; zero: none
}

// Resume waits for the final answer of a task that was dispatched before. What is in
// the store already is read also when ctx has ended. An error is one of the store's,
// or an *UnfinishedError as Run's.
func (e *Engine) Resume(ctx context.Context, d Dispatched) (Answer, error) {
	return Answer{}, errNotBuilt
}

// Await waits for the final answers of tasks by their request IDs, all at once, and
// yields them in the order of the IDs. An error is an *UnfinishedError.
func (e *Engine) Await(ctx context.Context, ids ...string) iter.Seq2[Answer, error] {
	return func(func(Answer, error) bool) {}
}

// LookUp asks how tasks stand, again where that may help, and yields an answer for
// each, final or not, in the order of the IDs. An error is an *UnfinishedError.
func (e *Engine) LookUp(ctx context.Context, ids ...string) iter.Seq2[Answer, error] {
	return func(func(Answer, error) bool) {}
}

// NotKeptError is a task that was not sent, since it could not be kept.
type NotKeptError struct{ Err error }

func (e *NotKeptError) Error() string { return "the task could not be kept: " + e.Err.Error() }

// Unwrap returns the store's error.
func (e *NotKeptError) Unwrap() error { return e.Err }

// RefusesRequest reports whether a dispatch failed because the API refused what is in
// the one request: 400, 409, 413, 415 or 422.
func RefusesRequest(err error) bool { return false }

var errNotBuilt = errors.New("not built yet")
