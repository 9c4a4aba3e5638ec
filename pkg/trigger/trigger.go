// Package trigger sends sample callbacks: to an endpoint, which they show one secret and
// one set of headers, or to a listener, at which each has a ticket of its own that the
// listener finds in the ledger. It sends one, or many at once, and sums up how they were
// answered.
//
// It is no part of package deliver, which knows neither what is in a callback nor the
// ledger, and which the sandbox and the forwarding of callbacks stand on too.
//
// The package is private to narada.
package trigger

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Options say what is sent, and to whom.
type Options struct {
	Event  string          // one of webhook.SampleEvents
	Text   string          // of the answer; "": the sample's
	Data   json.RawMessage // structured data; nil: the sample's
	Random io.Reader       // a cryptographic source, safe for several goroutines at once

	// URL is where callbacks go; with a Store it is a listener's, to which the path of
	// a callback's ticket is added.
	URL string

	// Header and Secret are what callbacks show. At a listener they take the place of
	// those of the ticket, each if there is one.
	Header http.Header
	Secret string

	Store  Store          // the ledger in which a listener finds tickets; nil: URL is an endpoint
	Sender deliver.Sender // makes one attempt each
	Report func(Event)    // may be called by several goroutines at once; nil: nobody is told
}

// Store is a ledger, as far as it is used here.
type Store interface {
	Intend(context.Context, []store.Intent) ([]int64, error)
	Accepted(ctx context.Context, number int64, id string) error
	Refused(ctx context.Context, number int64, failure string, at time.Time) error
}

// Sent is a callback that was sent.
type Sent struct {
	RequestID string
	Ticket    webhook.Ticket // that it showed; without a path at an endpoint
	Attempt   deliver.Attempt
}

// Send sends one callback. The error says that it could not be made, or it is ctx's,
// which has ended before there was an answer.
func Send(ctx context.Context, o Options) (s Sent, err error) {
	if ctx.Err() != nil {
		return s, ctx.Err()
	}
	sample, err := o.sample()
	if err != nil {
		return s, err
	}
	s.RequestID = sample.RequestID
	if s.Ticket, err = o.ticket(); err != nil {
		return s, err
	}
	if s.Ticket.Secret != "" {
		sample.Secret = &s.Ticket.Secret
	}
	body, err := sample.Body()
	if err != nil {
		return s, err
	}
	number, err := o.intend(ctx, s.Ticket)
	if err != nil {
		return s, err
	}
	attempts, _ := o.Sender.Send(ctx, deliver.Callback{URL: o.URL + s.Ticket.Path, Header: s.Ticket.Header, Body: body})
	s.Attempt = attempts[0] // which has the error
	o.record(ctx, number, s)
	if s.Attempt.StatusCode == 0 && ctx.Err() != nil {
		return s, ctx.Err()
	}
	return s, nil
}

// sample is what is sent, without a secret.
func (o *Options) sample() (webhook.Callback, error) {
	sample, err := webhook.Sample(o.Event, o.Random, time.Now())
	if err != nil {
		return sample, err
	}
	if o.Text != "" {
		sample.Response.Text = o.Text
	}
	if o.Data != nil {
		sample.Response.StructuredOutput = o.Data
	}
	return sample, nil
}

// ticket is what a callback shows.
func (o *Options) ticket() (webhook.Ticket, error) {
	if o.Store == nil {
		return webhook.Ticket{Header: o.Header, Secret: o.Secret}, nil
	}
	t, err := webhook.NewTicket(o.Random, receive.Prefix)
	if o.Secret != "" {
		t.Secret = o.Secret
	}
	if len(o.Header) > 0 {
		t.Header = o.Header
	}
	return t, err
}

// intend records the ticket for the listener to find, before the callback is sent.
func (o *Options) intend(ctx context.Context, t webhook.Ticket) (number int64, err error) {
	if o.Store == nil {
		return 0, nil
	}
	numbers, err := o.Store.Intend(ctx, []store.Intent{{Source: "trigger", Prompt: "(sample: " + o.Event + ")", Ticket: t, At: time.Now()}})
	if err != nil {
		return 0, err
	}
	return numbers[0], nil
}

// record records whether the listener has taken the callback, also when ctx has ended.
func (o *Options) record(ctx context.Context, number int64, s Sent) {
	if o.Store == nil {
		return
	}
	ctx = context.WithoutCancel(ctx)
	err := error(nil)
	if s.Attempt.Accepted() {
		err = o.Store.Accepted(ctx, number, s.RequestID)
	} else {
		err = o.Store.Refused(ctx, number, "", time.Now())
	}
	if err != nil && o.Report != nil {
		o.Report(NotRecorded{RequestID: s.RequestID, Err: err})
	}
}

// Summary says how callbacks were answered: how many, at what rate, and within how many
// milliseconds so many percent of them.
type Summary struct {
	Sent     int            `json:"sent"`
	Accepted int            `json:"accepted"`
	Seconds  float64        `json:"seconds"`
	Rate     float64        `json:"perSecond"`
	P50      float64        `json:"p50Ms"`
	P95      float64        `json:"p95Ms"`
	P99      float64        `json:"p99Ms"`
	Answers  map[string]int `json:"answers"` // how many, by deliver.Attempt.Kind
}

func newSummary(s *deliver.Statistics, took time.Duration) Summary {
	milliseconds := func(percent float64) float64 { return float64(s.Percentile(percent).Microseconds()) / 1000 }
	return Summary{
		Sent: s.Count(), Accepted: s.Accepted(), Seconds: took.Seconds(), Rate: float64(s.Count()) / max(took, time.Microsecond).Seconds(),
		P50: milliseconds(50), P95: milliseconds(95), P99: milliseconds(99), Answers: s.Kinds(),
	}
}

// SendMany sends so many callbacks, so many of them at once, and sums up those that were
// answered or could not be sent. The error says that one could not be made, which ends
// the others, or it is ctx's.
func SendMany(ctx context.Context, o Options, count, concurrency int) (Summary, error) {
	var mu sync.Mutex
	var answers deliver.Statistics
	start := time.Now()
	group, sending := errgroup.WithContext(ctx)
	group.SetLimit(concurrency)
	for range count {
		if sending.Err() != nil {
			break
		}
		group.Go(func() error {
			s, err := Send(sending, o)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			answers.Add(s.Attempt)
			return nil
		})
	}
	err := group.Wait()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return newSummary(&answers, time.Since(start)), err
}
