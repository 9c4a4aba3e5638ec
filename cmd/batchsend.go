package cmd

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/task"
)

// batchSender is the cloud as a batch sees it.
type batchSender struct {
	engine  *await.Engine
	batch   int64         // its number in the ledger
	timeout time.Duration // of a task
}

// pacedClient tells the pace how dispatch calls went.
type pacedClient struct {
	await.Client
	pace *batch.Pace
}

// Dispatch implements await.Client.
func (c *pacedClient) Dispatch(ctx context.Context, r *narada.Request) (string, error) {
	id, err := c.Client.Dispatch(ctx, r)
	if api, ok := errors.AsType[*narada.APIError](err); ok && api.StatusCode == http.StatusTooManyRequests {
		c.pace.Refused(api.RetryAfter)
	}
	if err == nil {
		c.pace.Accepted()
	}
	return id, err
}

// Send implements batch.Sender.
func (b *batchSender) Send(ctx context.Context, l *batch.Line, p *task.Plan, window string, sent func()) *batch.Outcome {
	o := &batch.Outcome{Line: *l, State: batch.State{Window: window}}
	if window != "" {
		p.Request.BrowserWindowID = window
	}
	ctx, cancel := context.WithTimeoutCause(ctx, b.timeout, errTimeLimit)
	defer cancel()
	answer, err := b.engine.Run(ctx, await.Job{Request: p.Request, Prompt: p.Prompt, Item: b.item(l), MustKeep: true, Sent: sent})
	o.Task, o.Ticket = answer.Task, answer.Ticket
	if err != nil {
		return unanswered(o, err)
	}
	return finished(o, answer.Result)
}

// item is the line as the ledger has it.
func (b *batchSender) item(l *batch.Line) store.Item {
	item := store.Item{Batch: b.batch, Key: l.Key[:], Line: l.Number, ID: l.ID}
	if l.ID != "" {
		item.Content = l.Sum[:]
	}
	return item
}

func finished(o *batch.Outcome, r *narada.Result) *batch.Outcome {
	o.Phase, o.RequestID, o.Status, o.Result = batch.Finished, r.RequestID, r.Status, r
	return o
}

// unanswered is how a line stands whose task has no answer.
func unanswered(o *batch.Outcome, err error) *batch.Outcome {
	unfinished, waited := errors.AsType[*await.UnfinishedError](err)
	dispatch, notSent := errors.AsType[*narada.DispatchError](err)
	switch {
	case waited && unfinished.ID != "":
		o.Phase, o.RequestID, o.Err = batch.Running, unfinished.ID, err
		o.Status = narada.StatusPending
	case waited:
		o.Phase = batch.Unknown
		if !errors.Is(err, errTimeLimit) {
			o.Err = err
		}
	case notSent && dispatch.Maybe:
		o.Phase = batch.Unknown
	case notSent && await.RefusesRequest(err):
		o.Phase, o.Failure = batch.Refused, explain(dispatch.Err)
	default: // nothing was accepted
		o.Phase, o.Err = batch.New, err
		_, interrupted := errors.AsType[*signalError](err)
		_, noTime := errors.AsType[*await.NoTimeError](err)
		o.Fatal = !interrupted && !noTime && !errors.Is(err, errTimeLimit)
		if notKept, ok := errors.AsType[*await.NotKeptError](err); ok {
			o.Err = notKept.Err
		}
	}
	return o
}

// CanAwait implements batch.Sender: the callback of an unknown task tells of it,
// and comes to our address within the time that a task may take.
func (b *batchSender) CanAwait(s batch.State) bool {
	return s.Ticket != "" && time.Since(s.SentAt) < b.timeout && b.engine.Receives(s.CallbackURL)
}

// Await implements batch.Sender.
func (b *batchSender) Await(ctx context.Context, l *batch.Line, s *batch.State) *batch.Outcome {
	o := &batch.Outcome{Line: *l, State: *s}
	limit := b.timeout
	if s.Phase == batch.Unknown {
		limit = time.Until(s.SentAt.Add(b.timeout))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errTimeLimit)
	defer cancel()
	answer, err := b.engine.Resume(ctx, await.Dispatched{Task: s.Task, RequestID: s.RequestID, Ticket: s.Ticket, Item: b.item(l)})
	if err == nil {
		return finished(o, answer.Result)
	}
	unfinished, ok := errors.AsType[*await.UnfinishedError](err)
	switch {
	case !ok:
		o.Err, o.Fatal = err, true
	case unfinished.ID == "" && signalOf(ctx) == nil:
		o.Phase = batch.Unknown
	default:
		o.Err = err
	}
	return o
}
