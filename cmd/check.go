package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/contract"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/task"
)

type checkOptions struct {
	out      outputFlags
	endpoint endpointFlags
}

// endpointFlags say what check tries an endpoint with.
type endpointFlags struct {
	callback  callbackFlags
	allowHTTP bool
	timeout   time.Duration
	yes       bool
}

func (o *endpointFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.allowHTTP, "allow-http", false, "for local work: plain http to this machine, and any address, are all right")
	f.DurationVar(&o.timeout, "timeout", contract.DefaultTimeout, "most `time` for one request")
	addYes(f, &o.yes)
	o.callback.addProof(cmd)
}

func newCheck(inv *invocation) *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check URL",
		Short: "Test an endpoint against the webhook contract",
		Long: `check tries whether a webhook endpoint does what the cloud's callbacks want of it,
test by test, a line each: PASS, WARN, FAIL or SKIP, the test and what was seen, and
below a test that has failed what to change.

It sends callbacks as the cloud does: the documented ones, and variants of them. Their
request IDs begin with req_check_, and the header Narada-Check names the test. With
--callback-secret and --callback-header, the proof that the endpoint wants, it also
finds out whether the endpoint refuses who does not show it. Nothing is sent where the
certificate is not good.

Nobody is asked before it sends to an address of this machine. Elsewhere it asks on a
terminal, and wants --yes off it. It exits with 3 when a test has failed.

` + contractTable(),
		Example: `  # an endpoint on the internet
  narada check https://example.com/api/narada/webhook --yes \
    --callback-secret env:NARADA_CALLBACK_SECRET --callback-header 'Authorization: env:WEBHOOK_AUTHORIZATION'

  # one that is being written
  narada check http://localhost:3000/api/narada/webhook --allow-http --callback-secret env:NARADA_CALLBACK_SECRET

  # in CI: what has failed
  narada check https://example.com/api/narada/webhook --yes -o json --jq 'select(.verdict == "FAIL")'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError("narada check URL", "one URL is wanted, and there are %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := inv.load(cmd); err != nil {
				return err
			}
			return runCheck(cmd.Context(), inv, &o, args[0])
		},
	}
	o.endpoint.add(cmd)
	o.out.add(cmd)
	return cmd
}

// contractTable lists the tests.
func contractTable() string {
	var b strings.Builder
	b.WriteString("The tests:\n")
	for _, t := range contract.Tests() {
		fmt.Fprintf(&b, "  %-20s %s\n", t.Name, t.About)
	}
	return strings.TrimRight(b.String(), "\n")
}

func runCheck(ctx context.Context, inv *invocation, o *checkOptions, address string) error {
	p, err := inv.printer(ctx, o.out)
	if err != nil {
		return err
	}
	c, err := o.endpoint.check(ctx, inv, address)
	if err != nil {
		return err
	}
	found, err := printFindings(inv, p, c.Run(ctx), false)
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return &exitError{code: codeFailed, text: cause(context.Cause(ctx)) + ": the tests that are left were not made"}
	}
	inv.talk.Info("checked", found.text())
	if u, err := url.Parse(address); err == nil && u.Scheme == "http" && narada.IsLoopback(u.Hostname()) && !o.endpoint.allowHTTP {
		inv.talk.Hint("--allow-http is for endpoints that are being written on this machine")
	}
	return found.verdict()
}

// check finds what is wrong with the flags, says what will be sent, and asks.
func (o *endpointFlags) check(ctx context.Context, inv *invocation, address string) (*contract.Check, error) {
	if o.timeout <= 0 {
		return nil, usageError("", "--timeout: %s is not more than 0", o.timeout)
	}
	shown, err := hiddenProof(inv, &o.callback)
	if err != nil {
		return nil, err
	}
	c, err := contract.New(contract.Options{
		URL: address, Header: shown.header, Secret: shown.secret, AllowHTTP: o.allowHTTP, Timeout: o.timeout,
		Transport: inv.transport, Random: inv.app.Random,
	})
	if wrong, ok := errors.AsType[*contract.URLError](err); ok {
		return nil, usageError("", "%v", wrong)
	}
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(strings.ToLower(address), "http:") && o.allowHTTP {
		if err := task.CheckCallbackURL(address); err != nil {
			return nil, usageError("secret and header would be readable on the way", "--allow-http: plain http is for this machine alone")
		}
	}
	requests := 0
	for _, t := range contract.Tests() {
		requests += t.Requests
	}
	inv.talk.Info("plan", fmt.Sprintf("up to %d requests go to the endpoint, one with a text of 8 MiB; each has the header Narada-Check, and request IDs begin with req_check_", requests))
	return c, confirmAddress(ctx, inv, fmt.Sprintf("up to %d requests", requests), address, o.yes)
}
