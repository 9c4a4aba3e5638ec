package cmd

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"strings"
	"time"

	"github.com/fatih/color"
	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/contract"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
)

type checkOptions struct {
	out      outputFlags
	endpoint endpointFlags
}

// endpointFlags say what check tries an endpoint with.
type endpointFlags struct {
	send      sendFlags
	allowHTTP bool
}

func (o *endpointFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.allowHTTP, "allow-http", false, "for local work: plain http to this machine, and any address, are all right")
	o.send.add(cmd, "request")
	o.send.addYes(cmd)
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
		RunE: inv.withSettings(func(cmd *cobra.Command, args []string) error { return runCheck(cmd.Context(), inv, &o, args[0]) }),
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
	err = printFindings(ctx, inv, p, "checked", c.Run(ctx), false)
	if u, badURL := url.Parse(address); badURL == nil && ctx.Err() == nil && u.Scheme == "http" && narada.IsLoopback(u.Hostname()) && !o.endpoint.allowHTTP {
		inv.log.Hint("--allow-http is for endpoints that are being written on this machine")
	}
	return err
}

// check finds what is wrong with the flags, says what will be sent, and asks.
func (o *endpointFlags) check(ctx context.Context, inv *invocation, address string) (*contract.Check, error) {
	_, shown, err := o.send.resolve(inv)
	if err != nil {
		return nil, err
	}
	c, err := contract.New(contract.Options{
		URL: address, Credentials: shown, AllowHTTP: o.allowHTTP, Timeout: o.send.timeout,
		Transport: inv.transport, Random: inv.app.Random,
	})
	wrong, isURL := errors.AsType[*contract.URLError](err)
	switch {
	case isURL && wrong.Unencrypted:
		return nil, usageError("secret and header would be readable on the way", "--allow-http: %v", wrong)
	case isURL:
		return nil, usageError("", "%v", wrong)
	case err != nil:
		return nil, err
	}
	requests := fmt.Sprintf("up to %d requests", contract.Requests())
	inv.log.Info("plan", requests+" go to the endpoint, one with a text of 8 MiB; each has the header Narada-Check, and request IDs begin with req_check_")
	return c, o.send.confirm(ctx, inv, requests, address)
}

// printFindings prints each finding as soon as there is one, if asked to with how long
// it took, and says at the end, as the event, how many there were of each verdict. The
// error has the exit code.
func printFindings(ctx context.Context, inv *invocation, p *printer, event string, found iter.Seq[contract.Finding], timed bool) error {
	count := map[contract.Verdict]int{}
	for f := range found {
		count[f.Verdict]++
		if err := printFinding(inv, p, f, timed); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return &exitError{code: codeFailed, text: cause(context.Cause(ctx)) + ": the tests that are left were not made"}
	}
	inv.log.Info(event, fmt.Sprintf("%d passed, %d warned, %d failed, %d skipped", count[contract.Pass], count[contract.Warn], count[contract.Fail], count[contract.Skip]))
	if count[contract.Fail] > 0 {
		return exitWith(codeFailed)
	}
	return nil
}

func printFinding(inv *invocation, p *printer, f contract.Finding, timed bool) error {
	f.Detail = inv.masker.Mask(f.Detail) // which may have what somebody else has answered
	if p.json {
		return p.Value(struct {
			Test       string           `json:"test"`
			Verdict    contract.Verdict `json:"verdict"`
			Detail     string           `json:"detail"`
			Advice     *string          `json:"advice"`
			DurationMS float64          `json:"durationMs"`
		}{f.Test, f.Verdict, f.Detail, present(f.Advice), milliseconds(f.Duration)})
	}
	line := fmt.Sprintf("  %-19s  %s", f.Test, term.OneLine(f.Detail))
	if timed && f.Duration >= time.Millisecond {
		line += " [" + units.Round(f.Duration).String() + "]"
	}
	if f.Advice != "" {
		line += "\n      " + f.Advice
	}
	c := color.New(map[contract.Verdict]color.Attribute{
		contract.Pass: color.FgGreen, contract.Warn: color.FgYellow, contract.Fail: color.FgRed, contract.Skip: color.Faint,
	}[f.Verdict])
	c.DisableColor()
	if term.Color(term.ColorMode(inv.settings.Get(config.ColorMode).Text), inv.app.getenv, inv.app.StdoutTerminal) {
		c.EnableColor()
	}
	return p.Led(c.Sprint(string(f.Verdict)), line)
}
