package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/fatih/color"
	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/contract"
	"github.com/narada-cli/narada/pkg/junit"
	"github.com/narada-cli/narada/pkg/network"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/usage"
)

// endpointFlags are the flags of commands that test an endpoint.
type endpointFlags struct{ send sendFlags }

func (o *endpointFlags) add(cmd *cobra.Command) {
	o.send.add(cmd)
	cmd.Flags().Lookup("allow-http").Usage = "allow plain http to this machine, and private addresses"
	o.send.addYes(cmd)
}

func newCheck(inv *invocation) *cobra.Command {
	var out outputFlags
	var o endpointFlags
	var report junitFlag
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
		RunE: inv.printing(&out, func(ctx context.Context, p *printer, args []string) error {
			return runCheck(ctx, inv, p, &o, &report, args[0])
		}),
	}
	o.add(cmd)
	report.add(cmd, "test")
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

func runCheck(ctx context.Context, inv *invocation, p *printer, o *endpointFlags, report *junitFlag, address string) error {
	if err := report.check(); err != nil {
		return err
	}
	c, err := o.check(ctx, inv, "", address)
	if err != nil {
		return err
	}
	startSummary(inv)
	suite := &junit.Suite{Name: "narada check " + inv.masker.Mask(address), Start: inv.app.start, Visible: visible(inv)}
	err = printFindings(ctx, inv, p, "checked", reported(suite, c.Run(ctx)), false)
	suite.Cases = append(suite.Cases, contract.NotRun(suite.Cases)...)
	err = cmp.Or(err, report.write(suite))
	if u, badURL := url.Parse(network.Expand(address)); badURL == nil && ctx.Err() == nil && u.Scheme == "http" && network.IsLocal(u.Hostname()) && !o.send.target.allowHTTP {
		inv.log.Hint("--allow-http allows plain http to this machine and to private networks")
	}
	return err
}

// reported adds the findings to the report.
func reported(s *junit.Suite, found iter.Seq[contract.Finding]) iter.Seq[contract.Finding] {
	return func(yield func(contract.Finding) bool) {
		for f := range found {
			if s.Cases = append(s.Cases, f.TestCase()); !yield(f) {
				return
			}
		}
	}
}

// check checks the flags, says what will be sent, if anything, and asks for confirmation.
// name, which may be "", is that of the flag with the address.
func (o *endpointFlags) check(ctx context.Context, inv *invocation, name, address string) (*contract.Check, error) {
	address = network.Expand(address)
	if o.send.target.allowHTTP || o.send.target.unverified {
		if _, err := o.send.target.parse(name, address); err != nil {
			return nil, err
		}
	}
	target, given, err := o.send.resolve(inv, address)
	if err != nil {
		return nil, err
	}
	c, err := contract.New(contract.Options{
		URL: address, Credentials: given, AllowHTTP: o.send.target.allowHTTP, Timeout: o.send.timeout,
		Unverified: target.Unverified, Authorities: target.Authorities,
		Transport: inv.targetTransport(target), Random: inv.app.Random,
	})
	if wrong, ok := errors.AsType[*network.AddressError](err); ok {
		return nil, usage.Errorf(wrong.Next, "%s%v", name, wrong)
	}
	if err != nil || !c.Sends() {
		return c, err
	}
	requests := fmt.Sprintf("up to %d requests", contract.Requests())
	inv.log.Info("plan", "sending "+requests+", one of them 8 MiB long; each has the header Narada-Check, and a request ID that begins with req_check_")
	return c, o.send.confirm(ctx, inv, requests, address)
}

// printFindings prints each finding at once, timed with its duration, and reports at the
// end how many there are of each verdict. The error has the exit code.
func printFindings(ctx context.Context, inv *invocation, p *printer, event string, found iter.Seq[contract.Finding], timed bool) error {
	count := map[contract.Verdict]int{}
	for f, times := range summedUp(found, p.AsJSON) {
		count[f.Verdict] += times
		inv.summary.Test(f)
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

// maxAlike is how many tests that are skipped for the same cause have a line each.
const maxAlike = 3

// summedUp yields the findings, and how many tests each is of. More than maxAlike tests that
// are skipped one after the other for the same cause are one, unless each is to be seen.
func summedUp(found iter.Seq[contract.Finding], each bool) iter.Seq2[contract.Finding, int] {
	return func(yield func(contract.Finding, int) bool) {
		var alike []contract.Finding
		flush := func() bool {
			list, of := alike, 1
			if alike = nil; len(list) > maxAlike {
				of = len(list)
				list = list[:1]
				list[0].Test = units.Count(of, "test")
			}
			return !slices.ContainsFunc(list, func(f contract.Finding) bool { return !yield(f, of) })
		}
		for f := range found {
			if len(alike) > 0 && (each || f.Verdict != contract.Skip || f.Detail != alike[0].Detail) && !flush() {
				return
			}
			if alike = append(alike, f); f.Verdict != contract.Skip && !flush() {
				return
			}
		}
		flush()
	}
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
