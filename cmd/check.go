package cmd

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fatih/color"
	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/contract"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/term"
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
	c, err := o.endpoint.options(ctx, inv, address)
	if err != nil {
		return err
	}
	tally, err := inv.checkEndpoint(ctx, p, c)
	switch {
	case ctx.Err() != nil:
		return &exitError{code: codeFailed, text: cause(context.Cause(ctx)) + ": the tests that are left were not made"}
	case err != nil:
		return err
	}
	inv.talk.Info("checked", tally.text())
	if u, err := url.Parse(address); err == nil && u.Scheme == "http" && narada.IsLoopback(u.Hostname()) && !o.endpoint.allowHTTP {
		inv.talk.Hint("--allow-http is for endpoints that are being written on this machine")
	}
	if tally[contract.Fail] > 0 {
		return silent(codeFailed)
	}
	return nil
}

// options finds what is wrong with the flags, says what will be sent, and asks.
func (o *endpointFlags) options(ctx context.Context, inv *invocation, address string) (c contract.Options, err error) {
	if o.timeout <= 0 {
		return c, usageError("", "--timeout: %s is not more than 0", o.timeout)
	}
	if err := contract.CheckURL(address); err != nil {
		return c, usageError("", "%v", err)
	}
	shows, err := inv.credentials(&o.callback)
	if err != nil {
		return c, err
	}
	if strings.HasPrefix(strings.ToLower(address), "http:") && o.allowHTTP {
		if err := task.CheckCallbackURL(address); err != nil {
			return c, usageError("secret and header would be readable on the way", "--allow-http: plain http is for this machine alone")
		}
	}
	requests := 0
	for _, t := range contract.Tests() {
		requests += t.Requests
	}
	inv.talk.Info("plan", fmt.Sprintf("up to %d requests go to the endpoint, one with a text of 8 MiB; each has the header Narada-Check, and request IDs begin with req_check_", requests))
	if err := inv.confirmAddress(ctx, fmt.Sprintf("up to %d requests", requests), address, o.yes); err != nil {
		return c, err
	}
	return contract.Options{
		URL: address, Credentials: shows, AllowHTTP: o.allowHTTP, Timeout: o.timeout,
		Transport: func() *http.Transport { return inv.transport() }, Random: inv.app.Random,
	}, nil
}

// tally counts verdicts.
type tally map[contract.Verdict]int

func (t tally) text() string {
	return fmt.Sprintf("%d passed, %d warned, %d failed, %d skipped", t[contract.Pass], t[contract.Warn], t[contract.Fail], t[contract.Skip])
}

// checkEndpoint makes the tests and prints what they find.
func (inv *invocation) checkEndpoint(ctx context.Context, p *printer, o contract.Options) (t tally, err error) {
	t = tally{}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err = contract.Run(ctx, o, func(f contract.Finding) {
		if ctx.Err() != nil && f.Verdict == contract.Skip {
			return
		}
		t[f.Verdict]++
		if err := inv.printFinding(p, f, ""); err != nil {
			cancel(err)
		}
	})
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	return t, err
}

// printFinding prints a finding, with a note behind it.
func (inv *invocation) printFinding(p *printer, f contract.Finding, note string) error {
	f.Detail = inv.redactor.Mask(f.Detail) // which may have what somebody else has answered
	if p.json {
		return p.Value(struct {
			Test       string           `json:"test"`
			Verdict    contract.Verdict `json:"verdict"`
			Detail     string           `json:"detail"`
			Advice     *string          `json:"advice"`
			DurationMS float64          `json:"durationMs"`
		}{f.Test, f.Verdict, f.Detail, present(f.Advice), milliseconds(f.Duration)})
	}
	line := fmt.Sprintf("  %-19s  %s", f.Test, term.OneLine(f.Detail)+note)
	if f.Advice != "" {
		line += "\n      " + f.Advice
	}
	return p.Led(inv.paintVerdict(f.Verdict), line)
}

// paintVerdict colours a verdict on a terminal.
func (inv *invocation) paintVerdict(v contract.Verdict) string {
	c := color.New(map[contract.Verdict]color.Attribute{
		contract.Pass: color.FgGreen, contract.Warn: color.FgYellow, contract.Fail: color.FgRed, contract.Skip: color.Faint,
	}[v])
	c.DisableColor()
	if term.Color(term.ColorMode(inv.settings.Get(config.ColorMode).Text), inv.app.getenv, inv.app.StdoutTerminal) {
		c.EnableColor()
	}
	return c.Sprint(string(v))
}
