package ui

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/sandbox"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Record writes the tasks of a sandbox, and the callbacks that it sends, to a ledger, for a
// page of its own.
type Record struct {
	Ledger interface {
		store.Writer
		Refuse(path string, r store.Refusal)
		RecentRefusals(ctx context.Context, limit int) ([]store.Refusal, error)
		Prune(ctx context.Context, limits store.Limits) (count int64, err error)
	}
	Keep   int         // how many finished tasks at least; 0: 10,000. A tenth more is deleted at once
	Failed func(error) // something is not in the ledger

	added atomic.Int64
}

// recordCloud is the name of the cloud in the ledger.
const recordCloud = "the sandbox"

// Follow makes the sandbox with these options tell the record what happens.
func (c *Record) Follow(ctx context.Context, o *sandbox.Options) {
	report := func(err error) {
		if err != nil {
			c.Failed(err)
		}
	}
	o.Changed = func(t sandbox.Task) {
		if t.Status == narada.StatusPending {
			report(c.accepted(ctx, t))
		} else {
			report(c.changed(ctx, t, time.Now()))
		}
	}
	o.Sent = func(s sandbox.SentCallback) { report(c.sent(ctx, s)) }
}

// accepted adds a task. Secrets in its request are not kept.
func (c *Record) accepted(ctx context.Context, t sandbox.Task) error {
	var r narada.Request
	if err := json.Unmarshal(t.Body, &r); err != nil {
		return err
	}
	masked, err := r.Masked().MarshalJSON()
	if err != nil {
		return err
	}
	op := &store.Intend{Intent: store.Intent{Cloud: recordCloud, Prompt: t.Prompt, Body: masked, At: t.CreatedAt}}
	if r.CallbackURL != "" {
		op.Ticket = webhook.Ticket{Path: recordPath(t.ID, r.CallbackURL)}
	}
	if err := c.Ledger.Write(ctx, op); err != nil {
		return err
	}
	if err := c.Ledger.Write(ctx, &store.Accept{Task: op.Number, RequestID: t.ID, At: t.CreatedAt}); err != nil {
		return err
	}
	keep := cmp.Or(c.Keep, 10_000)
	if c.added.Add(1)%int64(keep/10+1) == 0 {
		_, err = c.Ledger.Prune(ctx, store.Limits{Keep: keep})
	}
	return err
}

// recordPath stands for the address of a task's callbacks, which several tasks may have.
func recordPath(id, url string) string { return secret.MaskURLs(url) + " (" + id + ")" }

// changed notes what a status call of a task answers now.
func (c *Record) changed(ctx context.Context, t sandbox.Task, at time.Time) error {
	r, err := narada.ParseResult(t.Answer)
	if err != nil {
		return err
	}
	return c.Ledger.Write(ctx, &store.Poll{Result: r, At: at})
}

// sent notes what an endpoint has answered to a callback.
func (c *Record) sent(ctx context.Context, s sandbox.SentCallback) error {
	ticket := webhook.Ticket{Path: recordPath(s.RequestID, s.URL), Header: s.Header}
	r, sentSecret, err := narada.ParseCallback(s.Body)
	at := s.Attempt.Start
	if s.Attempt.Accepted() && err == nil {
		ticket.Secret = sentSecret
		return c.Ledger.Write(ctx, &store.Deliver{Delivery: webhook.Delivery{Ticket: ticket, Result: r, Body: s.Body, ReceivedAt: at, Header: s.Header}})
	}
	reason := fmt.Sprintf("attempt %d", s.Attempt.Number)
	if s.Fault != "" {
		reason = s.Fault
	}
	if s.Attempt.StatusCode == 0 {
		reason += ": " + cmp.Or(s.Attempt.Err, errors.New("no answer")).Error()
	} else {
		reason += ": " + maskCallback(string(s.Attempt.Answer), s.Header, sentSecret)
	}
	c.Ledger.Refuse(ticket.Path, store.Refusal{ReceivedAt: at, StatusCode: s.Attempt.StatusCode, Reason: reason, Size: int64(len(s.Body)), Header: http.Header{}})
	_, err = c.Ledger.RecentRefusals(ctx, 1) // which stores it
	return err
}

// maskCallback masks what a callback proves itself with in the answer to it, which may be cut.
func maskCallback(answer string, header http.Header, callbackSecret string) string {
	m := secret.NewMasker()
	m.Hide(secret.NewCredentials(secret.New(callbackSecret), header).Secrets()...)
	return strings.TrimSpace(m.MaskStart(answer))
}
