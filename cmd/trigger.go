package cmd

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/trigger"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/usage"
	"github.com/narada-cli/narada/pkg/webhook"
)

type triggerOptions struct {
	out         outputFlags
	send        sendFlags
	to          string
	text        string
	data        string
	count       int
	concurrency int
}

func newTrigger(inv *invocation) *cobra.Command {
	var o triggerOptions
	cmd := &cobra.Command{
		Use:   "trigger EVENT --to URL|listener",
		Short: "Send a sample callback to an endpoint",
		Long: `trigger sends the callback that the cloud's documentation shows for an event
(success, error, input-required or structured), with a new request ID and new times,
and prints the answer: request ID, status code, duration and the start of the body,
with tabs between them. With --count it sends many, and prints how many were accepted,
the rate, the durations (p50, p95, p99) and the answers by kind.

--to listener sends to the narada listen that runs on this machine.

Before it sends to another machine, trigger asks on a terminal, and requires --yes
elsewhere. Exit code 3: an endpoint did not answer with 2xx.`,
		Example: `  # to a server that you are writing
  narada trigger success --to http://localhost:3000/api/narada/webhook \
    --callback-secret env:NARADA_CALLBACK_SECRET --callback-header 'Authorization: env:WEBHOOK_AUTHORIZATION'

  # your own data, to the narada listen that runs
  narada trigger structured --data jobs.json --to listener

  # a load test
  narada trigger success --to http://localhost:3000/api/narada/webhook --count 5000 --concurrency 50`,
		ValidArgs: webhook.SampleEvents(),
		Args:      usage.OneOf("EVENT", "the events are "+strings.Join(webhook.SampleEvents(), ", "), webhook.SampleEvents()...),
		RunE: inv.printing(&o.out, func(ctx context.Context, p *printer, args []string) error {
			return runTrigger(ctx, inv, p, &o, args[0])
		}),
	}
	f := cmd.Flags()
	f.StringVar(&o.to, "to", "", "send to this `URL` or local PORT, or to listener, or to listener:NAME")
	f.StringVar(&o.text, "text", "", "replace the sample's answer by this `TEXT`")
	f.StringVar(&o.data, "data", "", "replace the sample's structured data by the JSON in `FILE`")
	f.IntVar(&o.count, "count", 1, "send `N` callbacks")
	f.IntVar(&o.concurrency, "concurrency", 1, "send `N` callbacks at once")
	o.send.add(cmd)
	o.send.addYes(cmd)
	o.out.add(cmd)
	return cmd
}

func runTrigger(ctx context.Context, inv *invocation, p *printer, o *triggerOptions, event string) error {
	listener, toListener, err := isListener("--to", o.to)
	if err == nil {
		err = o.check(toListener)
	}
	if err != nil {
		return err
	}
	address := o.to
	if toListener {
		address = ""
	}
	target, given, err := o.send.resolve(inv, address)
	if err != nil {
		return err
	}
	t := trigger.Options{
		Event: event, Text: o.text, Random: inv.app.Random, Machine: inv.app.Machine,
		URL: o.to, Credentials: given, Sender: o.send.sender(inv, target),
		NotRecorded: func(err error) { inv.warnOfLedger(err, "the outcome of this task is not recorded") },
	}
	if o.data != "" {
		if t.Data, err = task.LoadJSON("--data", o.data, &inv.source); err != nil {
			return err
		}
	}
	if toListener {
		l, err := o.toListener(ctx, inv, listener, &t)
		if err != nil {
			return err
		}
		defer inv.closeLedger(l)
	} else if err := o.send.confirm(ctx, inv, units.Count(o.count, "callback"), o.to); err != nil {
		return err
	}
	if o.count == 1 {
		return sendSample(ctx, inv, p, t)
	}
	return sendSamples(ctx, inv, p, o, t)
}

func (o *triggerOptions) check(toListener bool) error {
	if o.to == "" {
		return usage.Errorf("--to URL, --to PORT on this machine, or --to listener", "specify --to")
	}
	if !toListener {
		address, err := o.send.target.parse("--to: ", o.to)
		if err != nil {
			return err
		}
		o.to = address
	}
	return cmp.Or(usage.AtLeast("count", o.count, 1), usage.Between("concurrency", o.concurrency, 1, maxConcurrency))
}

// toListener finds the listener, and opens the ledger in which the listener finds the
// tickets.
func (o *triggerOptions) toListener(ctx context.Context, inv *invocation, name string, t *trigger.Options) (store.Ledger, error) {
	l, err := inv.openLedger(ctx, nil)
	if err != nil {
		return nil, err
	}
	listener, _, err := findListener(ctx, inv, "--to", name, l)
	if err != nil {
		inv.closeLedger(l)
		return nil, err
	}
	if o.send.callback.secret == "" { // that of the settings is for endpoints
		t.Credentials = secret.NewCredentials(secret.String{}, t.Credentials.Header())
	}
	t.URL, t.Store = listener.URL, l
	return l, nil
}

// sendSample sends one callback and prints its answer.
func sendSample(ctx context.Context, inv *invocation, p *printer, t trigger.Options) error {
	s, err := trigger.Send(ctx, t)
	switch {
	case ctx.Err() != nil && err != nil:
		return &exitError{code: codeFailed, text: cause(context.Cause(ctx)) + ": the answer to the callback is not known"}
	case err != nil:
		return err
	case t.Store != nil:
		inv.masker.Hide(receive.TicketSecrets(s.Ticket)...)
	}
	if err := printAttempt(inv, p, s.RequestID, s.Attempt, true); err != nil {
		return err
	}
	if !s.Attempt.Accepted() {
		return &exitError{code: codeFailed, text: s.Attempt.Failure().Error(), next: attemptHint(s.Attempt, t.URL), err: s.Attempt.Err}
	}
	return nil
}

// sendSamples sends the callbacks and prints statistics of their answers.
func sendSamples(ctx context.Context, inv *invocation, p *printer, o *triggerOptions, t trigger.Options) error {
	stop := inv.log.Wait("sending", fmt.Sprintf("sending %d callbacks", o.count))
	sum, err := trigger.SendMany(ctx, t, o.count, o.concurrency)
	stop()
	if err != nil && ctx.Err() == nil {
		return err
	}
	if printing := printSummary(p, sum); printing != nil {
		return printing
	}
	if err != nil {
		return &exitError{code: codeFailed, text: fmt.Sprintf("%s: %d of %d callbacks were answered", cause(context.Cause(ctx)), sum.Sent, o.count)}
	}
	return notAccepted(sum.Sent-sum.Accepted, sum.Sent, attemptHint(sum.Refused, t.URL))
}

func printSummary(p *printer, s trigger.Summary) error {
	var b strings.Builder
	line := func(name, format string, value any) { fmt.Fprintf(&b, "%-20s "+format+"\n", name, value) }
	line("sent", "%d", s.Sent)
	line("accepted", "%d", s.Accepted)
	line("rate", "%s", units.Rate(s.Rate))
	if s.Sent > 0 {
		line("p50", "%.1fms", s.P50)
		line("p95", "%.1fms", s.P95)
		line("p99", "%.1fms", s.P99)
	}
	for _, kind := range slices.Sorted(maps.Keys(s.Answers)) {
		line(kind, "%d", s.Answers[kind])
	}
	return p.Print(s, strings.TrimRight(b.String(), "\n"))
}
