package cmd

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/trigger"
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
		RunE:      inv.withSettings(func(cmd *cobra.Command, args []string) error { return runTrigger(cmd.Context(), inv, &o, args[0]) }),
	}
	f := cmd.Flags()
	f.StringVar(&o.to, "to", "", "`URL` to send to, or listener, or listener:NAME")
	f.StringVar(&o.text, "text", "", "`text` of the answer, instead of the sample's")
	f.StringVar(&o.data, "data", "", "JSON `file` with the structured data, instead of the sample's")
	f.IntVar(&o.count, "count", 1, "how `many` are sent")
	f.IntVar(&o.concurrency, "concurrency", 1, "how `many` at once")
	o.send.add(cmd, "callback")
	o.send.addYes(cmd)
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
	listener, toListener := isListener(o.to)
	if err := o.check(toListener); err != nil {
		return err
	}
	sender, shown, err := o.send.resolve(inv)
	if err != nil {
		return err
	}
	t := trigger.Options{
		Event: event, Text: o.text, Random: inv.app.Random,
		URL: o.to, Credentials: shown, Sender: sender, Report: reportTrigger(inv),
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
	} else if err := o.send.confirm(ctx, inv, fmt.Sprintf("%d callback%s", o.count, plural(o.count != 1)), o.to); err != nil {
		return err
	}
	if o.count == 1 {
		return sendSample(ctx, inv, p, t)
	}
	return sendSamples(ctx, inv, p, o, t)
}

func (o *triggerOptions) check(toListener bool) error {
	switch {
	case o.to == "":
		return usageError("add --to URL, or --to listener", "nothing says where the callback is to go")
	case o.count < 1:
		return usageError("", "--count: %d is less than 1", o.count)
	case o.concurrency < 1:
		return usageError("", "--concurrency: %d is less than 1", o.concurrency)
	}
	if err := task.CheckCallbackURL(o.to); err != nil && !toListener {
		return usageError(forwardHint(o.to), "--to: %v", err)
	}
	return nil
}

// toListener finds the listener, and opens the ledger in which that finds the tickets.
func (o *triggerOptions) toListener(ctx context.Context, inv *invocation, name string, t *trigger.Options) (*sqlite.Store, error) {
	listener, err := findListener(inv, "--to", name)
	if err != nil {
		return nil, err
	}
	if o.send.callback.secret == "" { // that of the settings is for endpoints
		t.Credentials = secret.NewCredentials(secret.String{}, t.Credentials.Header())
	}
	l, err := inv.openLedger(ctx, sqlite.Options{})
	t.URL, t.Store = listener.URL, l
	return l, err
}

// sendSample sends one callback and prints how it was answered. An answer may repeat what
// it was shown.
func sendSample(ctx context.Context, inv *invocation, p *printer, t trigger.Options) error {
	s, err := trigger.Send(ctx, t)
	switch {
	case ctx.Err() != nil && err != nil:
		return &exitError{code: codeFailed, text: cause(context.Cause(ctx)) + ": how the callback was answered is not known"}
	case err != nil:
		return err
	case t.Store != nil:
		inv.masker.Hide(ticketSecrets(s.Ticket)...)
	}
	if err := printAttempt(inv, p, s.RequestID, s.Attempt, true); err != nil {
		return err
	}
	if !s.Attempt.Accepted() {
		return &exitError{code: codeFailed, text: s.Attempt.Failure().Error(), err: s.Attempt.Err}
	}
	return nil
}

// sendSamples sends the callbacks and prints how they were answered as a whole.
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
	refused := sum.Sent - sum.Accepted
	switch {
	case err != nil:
		return &exitError{code: codeFailed, text: fmt.Sprintf("%s: %d of %d callbacks were answered before", cause(context.Cause(ctx)), sum.Sent, o.count)}
	case refused > 0:
		return &exitError{code: codeFailed, text: fmt.Sprintf("%d of %d callbacks were not accepted", refused, sum.Sent)}
	}
	return nil
}

func printSummary(p *printer, s trigger.Summary) error {
	if p.json {
		return p.Value(s)
	}
	var b strings.Builder
	line := func(name, format string, value any) { fmt.Fprintf(&b, "%-20s "+format+"\n", name, value) }
	line("sent", "%d", s.Sent)
	line("accepted", "%d", s.Accepted)
	line("rate", "%s", formatRate(s.Rate))
	if s.Sent > 0 {
		line("p50", "%.1fms", s.P50)
		line("p95", "%.1fms", s.P95)
		line("p99", "%.1fms", s.P99)
	}
	for _, kind := range slices.Sorted(maps.Keys(s.Answers)) {
		line(kind, "%d", s.Answers[kind])
	}
	return p.Text(strings.TrimRight(b.String(), "\n"))
}
