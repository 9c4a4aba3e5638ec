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

	"github.com/narada-cli/narada/pkg/contract"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/usage"
)

// endpointFlags are the flags of commands that test an endpoint.
type endpointFlags struct {
	send      sendFlags
	allowHTTP bool
}

func (o *endpointFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.allowHTTP, "allow-http", false, "allow plain http to this machine, and private addresses")
	o.send.add(cmd)
	o.send.addYes(cmd)
}

func newCheck(inv *invocation) *cobra.Command {
	var out outputFlags
	var o endpointFlags
	cmd := &cobra.Command{
		Use:   "check URL",
		Short: "Test an endpoint against the webhook contract",
		Long: `check tests whether a webhook endpoint handles callbacks as the cloud requires, and
prints a line for each test: PASS, WARN, FAIL or SKIP, the test, what it found, and
below a failed test what to change.

It sends callbacks as the cloud does: the documented ones, and variants. Their request
IDs begin with req_check_, and the header Narada-Check names the test. With the
endpoint's --callback-secret and --callback-header it also tests whether the endpoint
refuses a callback without them. It sends nothing if the certificate is not valid.

Before it sends to another machine, check asks on a terminal, and requires --yes
elsewhere. Exit code 3: a test failed.

` + contractTable(),
		Example: `  # an endpoint on the internet
  narada check https://example.com/api/narada/webhook --yes \
    --callback-secret env:NARADA_CALLBACK_SECRET --callback-header 'Authorization: env:WEBHOOK_AUTHORIZATION'

  # one that you are writing
  narada check http://localhost:3000/api/narada/webhook --allow-http --callback-secret env:NARADA_CALLBACK_SECRET

  # in CI: the failures
  narada check https://example.com/api/narada/webhook --yes -o json --jq 'select(.verdict == "FAIL")'`,
		Args: usage.OneArg("URL", "narada check URL"),
		RunE: inv.printing(&out, func(ctx context.Context, p *printer, args []string) error { return runCheck(ctx, inv, p, &o, args[0]) }),
	}
	o.add(cmd)
	out.add(cmd)
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

func runCheck(ctx context.Context, inv *invocation, p *printer, o *endpointFlags, address string) error {
	c, err := o.check(ctx, inv, address)
	if err != nil {
		return err
	}
	err = printFindings(ctx, inv, p, "checked", c.Run(ctx), false)
	if u, badURL := url.Parse(address); badURL == nil && ctx.Err() == nil && u.Scheme == "http" && narada.IsLoopback(u.Hostname()) && !o.allowHTTP {
		inv.log.Hint("--allow-http allows plain http to this machine")
	}
	return err
}

// check checks the flags, says what will be sent, and asks for confirmation.
func (o *endpointFlags) check(ctx context.Context, inv *invocation, address string) (*contract.Check, error) {
	_, given, err := o.send.resolve(inv)
	if err != nil {
		return nil, err
	}
	c, err := contract.New(contract.Options{
		URL: address, Credentials: given, AllowHTTP: o.allowHTTP, Timeout: o.send.timeout,
		Transport: inv.transport, Random: inv.app.Random,
	})
	wrong, isURL := errors.AsType[*contract.URLError](err)
	switch {
	case isURL && wrong.Unencrypted:
		return nil, usage.Errorf("use https: over http the secret and the headers can be read on the network", "--allow-http: %v", wrong)
	case isURL:
		return nil, usage.Errorf("", "%v", wrong)
	case err != nil:
		return nil, err
	}
	requests := fmt.Sprintf("up to %d requests", contract.Requests())
	inv.log.Info("plan", "sending "+requests+", one of them 8 MiB long; each has the header Narada-Check, and a request ID that begins with req_check_")
	return c, o.send.confirm(ctx, inv, requests, address)
}

// printFindings prints each finding at once, timed with its duration, and reports at the
// end how many there are of each verdict. The error has the exit code.
func printFindings(ctx context.Context, inv *invocation, p *printer, event string, found iter.Seq[contract.Finding], timed bool) error {
	count := map[contract.Verdict]int{}
	for f := range found {
		count[f.Verdict]++
		if err := printFinding(inv, p, f, timed); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return &exitError{code: codeFailed, text: cause(context.Cause(ctx)) + ": the remaining tests were not run"}
	}
	inv.log.Info(event, fmt.Sprintf("%d passed, %d warned, %d failed, %d skipped", count[contract.Pass], count[contract.Warn], count[contract.Fail], count[contract.Skip]))
	if count[contract.Fail] > 0 {
		return exitWith(codeFailed)
	}
	return nil
}

func printFinding(inv *invocation, p *printer, f contract.Finding, timed bool) error {
	f.Detail = inv.masker.Mask(f.Detail) // which may quote an answer
	if p.AsJSON {
		return p.Value(f.Document())
	}
	line := fmt.Sprintf("  %-19s  %s", f.Test, term.OneLine(f.Detail))
	if timed && f.Duration >= time.Millisecond {
		line += " [" + units.Round(f.Duration).String() + "]"
	}
	if f.Advice != "" {
		line += "\n      " + f.Advice
	}
	colors := map[contract.Verdict]color.Attribute{
		contract.Pass: color.FgGreen, contract.Warn: color.FgYellow, contract.Fail: color.FgRed, contract.Skip: color.Faint,
	}
	return p.Led(term.Span{Text: string(f.Verdict), Color: colors[f.Verdict]}, line)
}
