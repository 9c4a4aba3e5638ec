// Package trigger sends sample callbacks: to an endpoint, with one secret and one set of
// headers, or to a listener, with a ticket for each that the listener finds in the ledger.
// It sends one, or many concurrently, and summarizes the answers.
//
// The package is private to narada.
package trigger

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Options configure the callbacks and their receiver.
type Options struct {
	Event  string          // one of webhook.SampleEvents
	Text   string          // of the response; "": the sample's
	Data   json.RawMessage // structured data; nil: the sample's
	Random io.Reader       // a cryptographic source, safe for concurrent use

	// URL is the callback URL. With a Store it is a listener's, and the path of the
	// callback's ticket is appended.
	URL string

	// Credentials are those of the callbacks. For a listener they replace the ticket's.
	Credentials secret.Credentials

	Store   store.Writer   // the ledger of a listener; nil: URL is an endpoint
	Machine string         // name of this machine, as the store has it
	Sender  deliver.Sender // makes one attempt each

	// NotRecorded, if not nil, is called when the outcome of a callback could not be
	// stored. It must be safe for concurrent use.
	NotRecorded func(error)
}

// Sent is a callback that was sent.
type Sent struct {
	RequestID string
	Ticket    webhook.Ticket // has no path if there is no Store
	Attempt   deliver.Attempt
}

// Send sends one callback. The error is that of making it, or ctx's if it ended before an
// answer.
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
	s.Attempt, _ = o.Sender.Send(ctx, deliver.Callback{URL: o.URL + s.Ticket.Path, Header: s.Ticket.Header, Body: body}) // it has the error
	o.record(ctx, number, s)
	if s.Attempt.StatusCode == 0 && ctx.Err() != nil {
		return s, ctx.Err()
	}
	return s, nil
}

// sample returns the callback without its secret.
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

// ticket returns the ticket of a callback.
func (o *Options) ticket() (webhook.Ticket, error) {
	if o.Store == nil {
		return webhook.Ticket{Header: o.Credentials.Header(), Secret: o.Credentials.Secret().Reveal()}, nil
	}
	return receive.NewTicket(o.Random, o.Credentials)
}

// intend stores the ticket for the listener before the callback is sent.
func (o *Options) intend(ctx context.Context, t webhook.Ticket) (number int64, err error) {
	if o.Store == nil {
		return 0, nil
	}
	op := &store.Intend{Intent: store.Intent{Source: store.SourceTrigger, Machine: o.Machine, Prompt: "(sample: " + o.Event + ")", Ticket: t, At: time.Now()}}
	err = o.Store.Write(ctx, op)
	return op.Number, err
}

// record stores whether the listener accepted the callback, even if ctx has ended.
func (o *Options) record(ctx context.Context, number int64, s Sent) {
	if o.Store == nil {
		return
	}
	var op store.Op = &store.Refuse{Task: number, At: time.Now()}
	if s.Attempt.Accepted() {
		op = &store.Accept{Task: number, RequestID: s.RequestID, At: time.Now()}
	}
	if err := o.Store.Write(context.WithoutCancel(ctx), op); err != nil && o.NotRecorded != nil {
		o.NotRecorded(err)
	}
}

// Summary summarizes the answers to callbacks, with percentiles of their durations.
type Summary struct {
	Sent     int            `json:"sent"`
	Accepted int            `json:"accepted"`
	Seconds  float64        `json:"seconds"`
	Rate     float64        `json:"perSecond"`
	P50      float64        `json:"p50Ms"`
	P95      float64        `json:"p95Ms"`
	P99      float64        `json:"p99Ms"`
	Answers  map[string]int `json:"answers"` // number, by deliver.Attempt.Kind

	Refused deliver.Attempt `json:"-"` // the first that was not accepted
}

// SendMany sends count callbacks, up to concurrency at a time, and summarizes the
// attempts. The error is that of making one, which stops the others, or ctx's.
func SendMany(ctx context.Context, o Options, count, concurrency int) (Summary, error) {
	var mu sync.Mutex
	sum := Summary{Answers: map[string]int{}}
	var durations []time.Duration
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
			durations = append(durations, s.Attempt.Duration)
			sum.Answers[s.Attempt.Kind()]++
			if s.Attempt.Accepted() {
				sum.Accepted++
			} else if len(durations) == sum.Accepted+1 {
				sum.Refused = s.Attempt
			}
			return nil
		})
	}
	err := group.Wait()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	took := time.Since(start)
	sum.Sent, sum.Seconds, sum.Rate = len(durations), took.Seconds(), float64(len(durations))/max(took, time.Microsecond).Seconds()
	slices.Sort(durations)
	sum.P50, sum.P95, sum.P99 = percentile(durations, 50), percentile(durations, 95), percentile(durations, 99)
	return sum, err
}

// percentile returns a percentile of sorted durations (nearest rank: 50 is the median) in
// milliseconds, 0 if there are none.
func percentile(sorted []time.Duration, percent int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := (percent*len(sorted) + 99) / 100
	return float64(sorted[max(rank, 1)-1].Microseconds()) / 1000
}
