package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/webhook"
)

// batchSender is the cloud as a batch sees it.
type batchSender struct {
	inv     *invocation
	running *running
	batch   int64 // its number in the ledger
	pace    *batch.Pace
	timeout time.Duration // of a task
}

// dispatch is the dispatch call, which tells the pace how it went.
func (b *batchSender) dispatch(call func(context.Context, *narada.Request) (string, error)) func(context.Context, *narada.Request) (string, error) {
	return func(ctx context.Context, r *narada.Request) (string, error) {
		id, err := call(ctx, r)
		if api, ok := errors.AsType[*narada.APIError](err); ok && api.StatusCode == http.StatusTooManyRequests {
			b.pace.Refused(api.RetryAfter)
		}
		if err == nil {
			b.pace.Accepted()
		}
		return id, err
	}
}

// Send implements batch.Sender.
func (b *batchSender) Send(ctx context.Context, l *batch.Line, p *task.Plan, window string, sent func()) *batch.Outcome {
	t := b.begin(l, p, window, sent)
	if t.outcome.Err != nil {
		return t.outcome
	}
	defer t.forget()
	ctx, cancel := context.WithTimeoutCause(ctx, b.timeout, errTimeLimit)
	defer cancel()
	answer, err := b.running.runner.Run(ctx, t.task, t)
	if err != nil {
		return b.unanswered(t, err)
	}
	t.record.ended(answer, nil)
	return finished(t.outcome, answer.Result)
}

// begin gives the task a ticket and a place in the ledger. Without either it is not
// sent.
func (b *batchSender) begin(l *batch.Line, p *task.Plan, window string, sent func()) *lineTask {
	t := &lineTask{inv: b.inv, line: l, sent: sent, outcome: &batch.Outcome{Line: *l, State: batch.State{Window: window}}}
	if window != "" {
		p.Request.BrowserWindowID = window
	}
	var err error
	if t.task, t.forget, err = b.running.issue(p.Request); err == nil {
		t.record, err = b.intend(l, p, t.task.Ticket)
	}
	if err != nil {
		if t.forget != nil {
			t.forget()
		}
		t.outcome.Err, t.outcome.Fatal = err, true
		return t
	}
	t.outcome.Task, t.outcome.Ticket = t.record.number, t.task.Ticket.Path
	return t
}

// intend writes down that the line's task is about to be sent.
func (b *batchSender) intend(l *batch.Line, p *task.Plan, ticket webhook.Ticket) (*record, error) {
	body, err := p.Request.Masked().MarshalJSON()
	if err != nil {
		return nil, err
	}
	item := store.Item{Batch: b.batch, Key: l.Key[:], Line: l.Number, ID: l.ID}
	if l.ID != "" {
		item.Content = l.Sum[:]
	}
	numbers, err := b.running.ledger.Intend(context.Background(), []store.Intent{{
		Source: "batch", Cloud: b.running.cloud.baseURL.String(), Prompt: p.Prompt, Body: json.RawMessage(body), Ticket: ticket, At: time.Now(),
		Item: item,
	}})
	if err != nil {
		return nil, err
	}
	return &record{inv: b.inv, ledger: b.running.ledger, number: numbers[0]}, nil
}

func finished(o *batch.Outcome, r *narada.Result) *batch.Outcome {
	o.Phase, o.RequestID, o.Status, o.Result = batch.Finished, r.RequestID, r.Status, r
	return o
}

// refusals are the answers to a dispatch that are about the one request.
var refusals = []int{http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity}

// unanswered is how a line stands whose task has no answer.
func (b *batchSender) unanswered(t *lineTask, err error) *batch.Outcome {
	o := t.outcome
	unfinished, waited := errors.AsType[*await.UnfinishedError](err)
	dispatch, notSent := errors.AsType[*narada.DispatchError](err)
	api, answered := errors.AsType[*narada.APIError](err)
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
	case notSent && answered && slices.Contains(refusals, api.StatusCode):
		o.Phase, o.Failure = batch.Refused, b.inv.redactor.Mask(explain(dispatch.Err))
		t.record.refusedFor(o.Failure)
	default: // nothing was accepted
		o.Phase, o.Err = batch.New, err
		_, interrupted := errors.AsType[*signalError](err)
		_, noTime := errors.AsType[*await.NoTimeError](err)
		o.Fatal = !interrupted && !noTime && !errors.Is(err, errTimeLimit)
		t.record.refused()
	}
	return o
}

// CanAwait implements batch.Sender: the callback of an unknown task tells of it,
// and comes to our address within the time that a task may take.
func (b *batchSender) CanAwait(s batch.State) bool {
	in := b.running.inbox
	return in != nil && s.Ticket != "" && time.Since(s.SentAt) < b.timeout &&
		strings.HasPrefix(s.CallbackURL, in.URL(webhook.Ticket{Path: receive.Prefix}))
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
	t := &lineTask{inv: b.inv, line: l, record: &record{inv: b.inv, ledger: b.running.ledger, number: s.Task}, sent: func() {}}
	answer, err := b.running.runner.Await(ctx, await.Sent{
		ID: s.RequestID, Ticket: s.Ticket, Deaf: b.running.deaf,
		Earlier: func(ctx context.Context) (*narada.Result, error) {
			return (&batchBook{ledger: b.running.ledger}).Result(ctx, s.Task)
		},
	}, t)
	if err == nil {
		t.record.ended(answer, nil)
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

// lineTask is a line's task under way. It writes down what happens to it, and says
// what a person should know of.
type lineTask struct {
	inv     *invocation
	line    *batch.Line
	task    await.Task
	record  *record
	forget  func() // the ticket
	sent    func()
	outcome *batch.Outcome
}

// Accepted implements await.Observer.
func (t *lineTask) Accepted(id string, _ await.Way) {
	t.record.accepted(id)
	t.sent()
	t.inv.talk.Detail("accepted", t.line.Name()+": "+id+" was accepted", slog.Any("requestId", id), slog.Any("line", t.line.Number))
}

// Resending implements await.Observer.
func (t *lineTask) Resending(err error, in time.Duration) {
	t.sent()
	t.inv.talk.Detail("resending", t.line.Name()+" was not accepted; again in "+in.Round(100*time.Millisecond).String()+": "+explain(err))
}

// AnswerLost implements await.Observer.
func (t *lineTask) AnswerLost(err error) {
	t.sent()
	t.inv.talk.Detail("answer-lost", t.line.Name()+": it is not known yet whether the task was accepted, so the callback is waited for: "+explain(err))
}

// AcceptedTwice implements await.Observer.
func (t *lineTask) AcceptedTwice(id string) {
	t.record.acceptedTwice(id)
	t.inv.talk.Warn("accepted-twice", t.line.Name()+": the task was, or may have been, accepted a second time: the cloud had refused the first, and accepted it all the same",
		slog.Any("requestId", id), slog.Any("line", t.line.Number))
}

// HumanAsked implements await.Observer.
func (t *lineTask) HumanAsked(id string, input narada.HumanInput) {
	t.inv.talk.Warn("input-required", t.line.Name()+": "+humanLine(id, input), slog.Any("requestId", id), slog.Any("inputId", input.InputID))
}
