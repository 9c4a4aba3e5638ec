package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/webhook"
)

// batchEngine is a batch.Engine until await.Engine is one.
type batchEngine struct {
	inv     *invocation
	cloud   *cloud
	ledger  *sqlite.Store
	report  func(await.Event) bool
	running *running
}

func (e *batchEngine) open(ctx context.Context, endpoint *tunnel.Config, via string, adjust func(*await.Options)) error {
	e.running = newRunning(e.inv, e.cloud, e.ledger)
	e.running.many = true
	options := await.Options{Client: &engineClient{e.cloud.client, e.running.runner.Dispatch}}
	adjust(&options)
	e.running.runner.Dispatch, e.running.runner.Again = options.Client.Dispatch, options.Again
	return e.running.open(ctx, endpoint, via)
}

func (e *batchEngine) close() {
	if e.running != nil {
		e.running.close()
	}
}

type engineClient struct {
	await.Client
	dispatch func(context.Context, *narada.Request) (string, error)
}

func (c *engineClient) Dispatch(ctx context.Context, r *narada.Request) (string, error) {
	return c.dispatch(ctx, r)
}

// Receives implements batch.Engine.
func (e *batchEngine) Receives(callbackURL string) bool {
	in := e.running.inbox
	return in != nil && strings.HasPrefix(callbackURL, in.URL(webhook.Ticket{Path: receive.Prefix}))
}

// Run implements batch.Engine.
func (e *batchEngine) Run(ctx context.Context, j await.Job) (await.Answer, error) {
	t, forget, err := e.running.issue(j.Request)
	if err != nil {
		return await.Answer{}, &await.NotKeptError{Err: err}
	}
	defer forget()
	body, err := j.Request.Masked().MarshalJSON()
	if err != nil {
		return await.Answer{}, &await.NotKeptError{Err: err}
	}
	numbers, err := e.ledger.Intend(context.Background(), []store.Intent{{
		Source: "batch", Cloud: e.cloud.baseURL.String(), Prompt: j.Prompt, Body: json.RawMessage(body), Ticket: t.Ticket, At: time.Now(), Item: j.Item,
	}})
	if err != nil {
		return await.Answer{}, &await.NotKeptError{Err: err}
	}
	o := &lineObserver{e, &record{inv: e.inv, ledger: e.ledger, number: numbers[0]}, j.Item, j.Sent}
	answer, err := e.running.runner.Run(ctx, t, o)
	answer.Task, answer.Ticket = numbers[0], t.Ticket.Path
	dispatch, failed := errors.AsType[*narada.DispatchError](err)
	unfinished := false
	if _, ok := errors.AsType[*await.UnfinishedError](err); ok {
		unfinished = true
	}
	api, answered := errors.AsType[*narada.APIError](err)
	switch {
	case unfinished, failed && dispatch.Maybe:
	case failed && answered && slices.Contains([]int{http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity}, api.StatusCode):
		o.record.refusedFor(explain(dispatch.Err))
	default:
		o.record.ended(answer, err)
	}
	return answer, err
}

// Resume implements batch.Engine.
func (e *batchEngine) Resume(ctx context.Context, d await.Dispatched) (await.Answer, error) {
	o := &lineObserver{e, &record{inv: e.inv, ledger: e.ledger, number: d.Task}, d.Item, func() {}}
	answer, err := e.running.runner.Await(ctx, await.Sent{
		ID: d.RequestID, Ticket: d.Ticket, Deaf: e.running.deaf,
		Earlier: func(ctx context.Context) (*narada.Result, error) {
			t, ok, err := e.ledger.Numbered(ctx, d.Task)
			if err != nil || !ok {
				return nil, err
			}
			return e.ledger.Final(ctx, t)
		},
	}, o)
	if err == nil {
		o.record.ended(answer, nil)
	}
	return answer, err
}

type lineObserver struct {
	engine *batchEngine
	record *record
	item   store.Item
	sent   func()
}

func (o *lineObserver) Accepted(id string, by await.Way) {
	o.record.accepted(id)
	o.sent()
	o.engine.report(await.Accepted{Item: o.item, RequestID: id, By: by})
}

func (o *lineObserver) Resending(err error, in time.Duration) {
	o.sent()
	o.engine.report(await.Resending{Item: o.item, Err: err, In: in})
}

func (o *lineObserver) AnswerLost(err error) {
	o.sent()
	o.engine.report(await.AnswerLost{Item: o.item, Err: err})
}

func (o *lineObserver) AcceptedTwice(id string) {
	o.record.acceptedTwice(id)
	o.engine.report(await.AcceptedTwice{Item: o.item, RequestID: id})
}

func (o *lineObserver) HumanAsked(id string, input narada.HumanInput) {
	o.engine.report(await.PersonAsked{Item: o.item, RequestID: id, Input: input})
}

// encodeJSON is json.Marshal without the escapes for HTML.
func encodeJSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(buf.Bytes()), err
}
