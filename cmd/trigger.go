package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/webhook"
)

type triggerOptions struct {
	out         outputFlags
	callback    callbackFlags
	to          string
	text        string
	data        string
	count       int
	concurrency int
	timeout     time.Duration
	yes         bool
}

func newTrigger(inv *invocation) *cobra.Command {
	var o triggerOptions
	cmd := &cobra.Command{
		Use:   "trigger EVENT --to URL|listener",
		Short: "Send a sample callback to an endpoint",
		Long: `trigger sends the callback that the cloud's documentation shows for an event
(success, error, input-required or structured), with a request ID and times of its
own, and prints how it was answered: request ID, status, time and the start of the
answer, with tabs between them. With --count it sends many, and prints how many were
accepted, the rate, the times (p50, p95, p99) and what the answers were.

--to listener is the narada listen that runs on this machine: what that does with a
callback can be tried without the cloud.

Nobody is asked before it sends to an address of this machine. Elsewhere it asks on
a terminal, and wants --yes off it. It exits with 3 when one was not answered with 2xx.`,
		Example: `  # to a server that is being written
  narada trigger success --to http://localhost:3000/api/narada/webhook \
    --callback-secret env:NARADA_CALLBACK_SECRET --callback-header 'Authorization: env:WEBHOOK_AUTHORIZATION'

  # data of one's own, to the narada listen that runs
  narada trigger structured --data jobs.json --to listener

  # how much it bears
  narada trigger success --to http://localhost:3000/api/narada/webhook --count 5000 --concurrency 50`,
		ValidArgs: webhook.SampleEvents(),
		Args:      oneEvent,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := inv.load(cmd); err != nil {
				return err
			}
			return runTrigger(cmd.Context(), inv, &o, args[0])
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.to, "to", "", "`URL` to send to, or listener, or listener:NAME")
	f.StringVar(&o.text, "text", "", "`text` of the answer, instead of the sample's")
	f.StringVar(&o.data, "data", "", "JSON `file` with the structured data, instead of the sample's")
	f.IntVar(&o.count, "count", 1, "how `many` are sent")
	f.IntVar(&o.concurrency, "concurrency", 1, "how `many` at once")
	f.DurationVar(&o.timeout, "timeout", deliver.DefaultTimeout, "most `time` for one callback")
	addYes(f, &o.yes)
	o.callback.addProof(cmd)
	o.out.add(cmd)
	return cmd
}

func oneEvent(_ *cobra.Command, args []string) error {
	events := strings.Join(webhook.SampleEvents(), ", ")
	switch {
	case len(args) == 0:
		return usageError("narada trigger success --to URL", "no event: there are %s", events)
	case len(args) > 1:
		return usageError("", "one event is wanted, and there are %d", len(args))
	case !slices.Contains(webhook.SampleEvents(), args[0]):
		return usageError("there are "+events, "%q is not an event", args[0])
	}
	return nil
}

func runTrigger(ctx context.Context, inv *invocation, o *triggerOptions, event string) error {
	p, err := inv.printer(ctx, o.out)
	if err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	t := &triggering{inv: inv, o: o, event: event}
	if err := t.readData(); err != nil {
		return err
	}
	if name, toListener := isListener(o.to); toListener {
		if t.listener, err = inv.findListener("--to", name); err != nil {
			return err
		}
		if t.ledger, err = inv.openLedger(ctx, sqlite.Options{}); err != nil {
			return err
		}
		defer inv.closeLedger(t.ledger)
	} else {
		if err := t.open(ctx); err != nil {
			return err
		}
	}
	t.sender = deliver.Sender{Transport: inv.transport(), Timeout: o.timeout}
	if o.count == 1 {
		return t.one(ctx, p)
	}
	return t.many(ctx, p)
}

func (o *triggerOptions) check() error {
	switch {
	case o.to == "":
		return usageError("add --to URL, or --to listener", "nothing says where the callback is to go")
	case o.count < 1:
		return usageError("", "--count: %d is less than 1", o.count)
	case o.concurrency < 1:
		return usageError("", "--concurrency: %d is less than 1", o.concurrency)
	case o.timeout <= 0:
		return usageError("", "--timeout: %s is not more than 0", o.timeout)
	}
	return nil
}

// triggering is a trigger command under way.
type triggering struct {
	inv    *invocation
	o      *triggerOptions
	event  string
	data   json.RawMessage    // nil: the sample's
	shows  secret.Credentials // of all callbacks to a URL
	sender deliver.Sender

	listener receive.Listener // of which each callback has a ticket of its own
	ledger   *sqlite.Store    // nil: they go to a URL
}

func (t *triggering) readData() (err error) {
	if t.o.data == "" {
		return nil
	}
	t.data, err = task.LoadJSON("--data", t.o.data, &t.inv.source)
	return err
}

// open finds out whether something may be sent to the URL, and what it shows there.
func (t *triggering) open(ctx context.Context) (err error) {
	if err := task.CheckCallbackURL(t.o.to); err != nil {
		return usageError(forwardHint(t.o.to), "--to: %v", err)
	}
	if t.shows, err = t.inv.credentials(&t.o.callback); err != nil {
		return err
	}
	return t.inv.confirmAddress(ctx, fmt.Sprintf("%d callback%s", t.o.count, plural(t.o.count != 1)), t.o.to, t.o.yes)
}

// sent is a callback that was sent.
type sent struct {
	id      string
	attempt deliver.Attempt
}

// send sends a callback. An error is that it could not be made.
func (t *triggering) send(ctx context.Context) (s sent, err error) {
	sample, err := webhook.Sample(t.event, t.inv.app.Random, time.Now())
	if err != nil {
		return s, err
	}
	if t.o.text != "" {
		sample.Response.Text = t.o.text
	}
	if t.data != nil {
		sample.Response.StructuredOutput = t.data
	}
	s.id = sample.RequestID
	to, shows, done := t.o.to, t.shows, func(deliver.Attempt) {}
	if t.ledger != nil {
		if to, shows, done, err = t.toListener(ctx, s.id); err != nil {
			return s, err
		}
	}
	if text := shows.Secret().Reveal(); text != "" {
		sample.Secret = &text
	}
	body, err := sample.Body()
	if err != nil {
		return s, err
	}
	attempts, _ := t.sender.Send(ctx, deliver.Callback{URL: to, Header: shows.Header(), Body: body})
	s.attempt = attempts[0]
	done(s.attempt)
	return s, nil
}

// toListener gives a callback a ticket that the listener finds in the ledger. done
// writes down that it was not taken, if so.
func (t *triggering) toListener(ctx context.Context, id string) (to string, c secret.Credentials, done func(deliver.Attempt), err error) {
	ticket, err := t.inv.listenerTicket(&t.o.callback)
	if err != nil {
		return "", c, nil, err
	}
	c = credentialsOf(ticket)
	if t.o.count == 1 { // else no answer is shown
		t.inv.redactor.Hide(c.Secrets()...)
	}
	numbers, err := t.ledger.Intend(ctx, []store.Intent{{Source: "trigger", Prompt: "(sample: " + t.event + ")", Ticket: ticket, At: time.Now()}})
	if err != nil {
		return "", c, nil, err
	}
	done = func(a deliver.Attempt) {
		record := &record{inv: t.inv, ledger: t.ledger, number: numbers[0]}
		if a.Accepted() {
			record.accepted(id)
		} else {
			record.refused()
		}
	}
	return t.listener.URL + ticket.Path, c, done, nil
}
