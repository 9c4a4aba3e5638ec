package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/webhook"
)

// record is one task's place in the ledger; the zero value is one that is not
// kept. What cannot be written is warned of, and the task goes on: a write is
// made even when the command is about to end.
type record struct {
	inv    *invocation
	ledger *sqlite.Store
	number int64
}

// intend writes down that the request is about to be sent, with the prompt as it
// was written.
func (inv *invocation) intend(l *sqlite.Store, source string, c *cloud, request *narada.Request, prompt string, ticket webhook.Ticket) *record {
	if l == nil {
		return &record{}
	}
	body, err := request.Masked().MarshalJSON()
	if err != nil { // then it will not be sent either
		body = nil
	}
	numbers, err := l.Intend(context.Background(), []store.Intent{{
		Source: source, Cloud: c.baseURL.String(), Prompt: prompt, Body: json.RawMessage(body), Ticket: ticket, At: time.Now(),
	}})
	if err != nil {
		inv.warnOfLedger(err, "this task is not kept")
		return &record{}
	}
	return &record{inv: inv, ledger: l, number: numbers[0]}
}

// kept reports whether the task is in the ledger.
func (r *record) kept() bool { return r.number != 0 }

func (r *record) accepted(id string) {
	if r.kept() {
		r.warn(r.ledger.Accepted(context.Background(), r.number, id))
	}
}

// acceptedTwice writes down another task that came of the same request.
func (r *record) acceptedTwice(id string) {
	if !r.kept() || id == "" {
		return
	}
	r.warn(r.ledger.AcceptedTwice(context.Background(), r.number, id))
}

// ended writes down how a run has ended, as far as the ledger has not heard of it:
// callbacks are in it.
func (r *record) ended(answer await.Answer, err error) {
	failure, isDispatch := errors.AsType[*narada.DispatchError](err)
	switch {
	case err == nil && answer.By == await.ByPoll:
		r.polled(answer.Result)
	case isDispatch && !failure.Maybe:
		r.refused()
	}
}

func (r *record) refused() {
	if r.kept() {
		r.warn(r.ledger.Refused(context.Background(), r.number, "", time.Now()))
	}
}

// refusedFor writes down that the task was not accepted, and never will be.
func (r *record) refusedFor(failure string) {
	if r.kept() {
		r.warn(r.ledger.Refused(context.Background(), r.number, failure, time.Now()))
	}
}

// polled writes down what a status call has told.
func (r *record) polled(result *narada.Result) {
	if r.kept() {
		r.warn(r.ledger.Polled(context.Background(), result, time.Now()))
	}
}

func (r *record) warn(err error) {
	if err != nil {
		r.inv.warnOfLedger(err, "how this task goes on is not kept")
	}
}
