package batch

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/panics"
	"github.com/narada-cli/narada/pkg/store"
)

// Engine sends tasks and waits for them. *await.Engine implements it.
type Engine interface {
	Run(ctx context.Context, j await.Job) (await.Answer, error)
	Resume(ctx context.Context, d await.Dispatched) (await.Answer, error)
	Receives(callbackURL string) bool
	Issue() (store.Address, error)
	Withdraw(store.Address)
}

// sender sends the tasks of a batch and waits for them.
type sender struct {
	engine  Engine
	number  int64 // of the batch in the store
	timeout time.Duration
}

// ErrTimeLimit is the cause of the end of a context that Options.Timeout ended.
var ErrTimeLimit = errors.New("the time limit is over")

// sendTask sends the task of a line and waits for it.
func (s *sender) sendTask(ctx context.Context, o *Outcome, job await.Job) {
	o.Phase = o.Phase.after(stepIntended)
	if o.Window != "" {
		job.Request.BrowserWindowID = o.Window
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.timeout, ErrTimeLimit)
	defer cancel()
	answer, err := s.engine.Run(ctx, job)
	o.Task, o.Ticket = answer.Task, answer.Ticket
	if err != nil {
		o.unanswered(ctx, err)
		return
	}
	o.answered(answer.Result)
}

// answered sets the result of the line's task.
func (o *Outcome) answered(r *narada.Result) {
	o.Phase = o.Phase.after(stepAnswered)
	o.RequestID, o.Status, o.Result = r.RequestID, r.Status, r
}

// unanswered sets the outcome of a task without an answer. ctx is that of the wait.
func (o *Outcome) unanswered(ctx context.Context, err error) {
	unfinished, sent := errors.AsType[*await.UnfinishedError](err)
	dispatch, failed := errors.AsType[*narada.DispatchError](err)
	notKept, unkept := errors.AsType[*await.NotKeptError](err)
	crash, crashed := errors.AsType[*panics.Error](err)
	switch {
	case crashed: // its task may be running
		o.Err, o.Fatal = crash, true
	case sent && unfinished.ID != "":
		o.Phase = o.Phase.after(stepAccepted)
		o.RequestID, o.Status, o.Err = unfinished.ID, narada.StatusPending, err
	case sent:
		if !errors.Is(err, ErrTimeLimit) { // else the line stays unknown
			o.Err = err
		}
	case failed && dispatch.Maybe:
		o.Failure = dispatch.Err.Error()
	case failed && await.RefusesRequest(err):
		o.Phase, o.Failure = o.Phase.after(stepRefused), dispatch.Err.Error()
	default:
		o.Phase, o.Err = o.Phase.after(stepNotAccepted), err
		if unkept {
			o.Err = notKept.Err
		}
		_, noTime := errors.AsType[*await.NoTimeError](err)
		o.Fatal = !noTime && (ctx.Err() == nil || !errors.Is(err, context.Cause(ctx)))
	}
}

// canResume reports whether an unknown task can still be answered: its time limit is not
// over, which only the store knows of a shared line, and its callback arrives here, or, for
// what is known here, on another machine.
func (r *run) canResume(s State) bool {
	if s.Ticket == "" || !r.shared && r.left(s) <= 0 {
		return false
	}
	return r.engine == nil || r.engine.Receives(s.CallbackURL) || r.shared && s.Machine != r.o.Machine
}

// left returns how long a task is still waited for. The clock may have been set back since
// it was sent.
func (s *sender) left(state State) time.Duration {
	if state.Phase != Unknown {
		return s.timeout
	}
	return min(s.timeout, time.Until(state.SentAt.Add(s.timeout)))
}

// await waits for a task that was sent earlier. guard is that of a job.
func (s *sender) await(ctx context.Context, o *Outcome, guard store.Op) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.left(o.State), ErrTimeLimit)
	defer cancel()
	task := await.Dispatched{Task: o.Task, RequestID: o.RequestID, Ticket: o.Ticket, Item: o.Line.Item(s.number), Guard: guard}
	if !s.engine.Receives(o.CallbackURL) {
		task.Ticket = "" // no callback can arrive: it is polled
	}
	answer, err := s.engine.Resume(ctx, task)
	unfinished, ok := errors.AsType[*await.UnfinishedError](err)
	crash, crashed := errors.AsType[*panics.Error](err)
	switch {
	case err == nil:
		o.answered(answer.Result)
	case crashed:
		o.Err, o.Fatal = crash, true
	case !ok:
		o.Err, o.Fatal = err, true
	case unfinished.ID != "":
		o.Phase = o.Phase.after(stepAccepted)
		o.RequestID, o.Err = unfinished.ID, err
	case ctx.Err() != nil && context.Cause(ctx) != ErrTimeLimit: // it was interrupted
		o.Err = err
	}
}

// adjust sets the options of an engine for a batch: its dispatch calls keep and adapt the
// pace, what it cannot store is tried again, and what was not accepted when the sending is
// stopped is not sent again.
func (r *run) adjust(o *await.Options) {
	o.Source, o.Many = "batch", true
	if r.shared { // the rate is in the store
		r.pace = newPace(0)
		o.Client = &leasedClient{o.Client, r.store}
	}
	o.Client = &pacedClient{o.Client, r.pace}
	o.Again, o.Stopped = r.again, r.sending.Done()
	if o.Store != nil {
		r.stored = newRetriedStore(r.sending, r.outage, o)
	}
}

// again waits for the pace before a task is sent again, which a stop of the sending ends.
func (r *run) again(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(r.sending, func() { cancel(context.Cause(r.sending)) })()
	return r.pace.wait(ctx)
}

// pacedClient is a client whose dispatch calls adapt the pace.
type pacedClient struct {
	await.Client
	pace *pace
}

// Dispatch implements await.Client.
func (c *pacedClient) Dispatch(ctx context.Context, r *narada.Request) (string, error) {
	id, err := c.Client.Dispatch(ctx, r)
	if api, ok := errors.AsType[*narada.APIError](err); ok && api.StatusCode == http.StatusTooManyRequests {
		c.pace.refused(api.RetryAfter)
	}
	if err == nil {
		c.pace.accepted()
	}
	return id, err
}
