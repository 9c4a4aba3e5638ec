package cmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/contract"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/units"
)

type doctorOptions struct {
	out      outputFlags
	catch    catchFlags
	endpoint endpointFlags
	url      string
}

func newDoctor(inv *invocation) *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Is everything in place? Says what to do if not",
		Long: `doctor looks at what narada needs, a line each: PASS, WARN, FAIL or SKIP, what was
looked at, what was seen and how long that took, and below it what to do.

It asks the API for a task that does not exist, which costs nothing and shows whether
the key is accepted; opens a public address as narada listen does, and sends a sample
callback to itself there. With --endpoint it also does what narada check does.

It exits with 3 when something has failed.`,
		Example: `  narada doctor

  # and an endpoint of yours
  narada doctor --endpoint https://example.com/api/narada/webhook --yes --callback-secret env:NARADA_CALLBACK_SECRET

  # in CI: what has failed
  narada doctor -o json --jq 'select(.verdict == "FAIL")'`,
		Args: noArgs,
		RunE: inv.withSettings(func(cmd *cobra.Command, _ []string) error {
			for _, name := range []string{"allow-http", "timeout", "yes", "callback-secret", "callback-header"} {
				if o.url == "" && cmd.Flags().Changed(name) {
					return usageError("add --endpoint URL", "--%s is about an endpoint of yours", name)
				}
			}
			return runDoctor(cmd.Context(), inv, &o)
		}),
	}
	cmd.Flags().StringVar(&o.url, "endpoint", "", "`URL` of an endpoint of yours, to check it too")
	o.endpoint.add(cmd)
	o.catch.add(cmd)
	o.out.add(cmd)
	return cmd
}

// doctor is a doctor command under way.
type doctor struct {
	inv *invocation
	o   *doctorOptions

	date     time.Time        // by the API's clock; zero: it has not told
	dated    time.Time        // when that was, by ours
	catching tunnel.Config    // how an address is opened
	canCatch bool             // there is a way to
	endpoint *tunnel.Endpoint // nil: none is open
}

// doctorStep is one thing that is looked at.
type doctorStep struct {
	name string
	look func(*doctor, context.Context) contract.Finding
}

var doctorSteps = [...]doctorStep{
	{"settings", (*doctor).settings},
	{"state-dir", (*doctor).stateDir},
	{"ledger", (*doctor).ledger},
	{"proxy", (*doctor).proxy},
	{"api", (*doctor).api},
	{"clock", (*doctor).clock},
	{"api-key", (*doctor).apiKey},
	{"ngrok-token", (*doctor).ngrokToken},
	{"ngrok", (*doctor).ngrok},
	{"public-endpoint", (*doctor).open},
	{"callback", (*doctor).callback},
}

func runDoctor(ctx context.Context, inv *invocation, o *doctorOptions) error {
	p, err := inv.printer(ctx, o.out)
	if err != nil {
		return err
	}
	var checked contract.Options
	if o.url != "" {
		if checked, err = o.endpoint.options(ctx, inv, o.url); err != nil {
			return err
		}
	}
	d := &doctor{inv: inv, o: o}
	defer d.close()
	t := tally{}
	for _, step := range doctorSteps {
		f := d.take(ctx, step)
		if ctx.Err() != nil {
			return &exitError{code: codeFailed, text: cause(context.Cause(ctx)) + ": what is left was not looked at"}
		}
		t[f.Verdict]++
		note := ""
		if f.Duration >= time.Millisecond {
			note = " [" + units.Round(f.Duration).String() + "]"
		}
		if err := inv.printFinding(p, f, note); err != nil {
			return err
		}
	}
	if o.url != "" {
		more, err := inv.checkEndpoint(ctx, p, checked)
		if ctx.Err() != nil {
			return &exitError{code: codeFailed, text: cause(context.Cause(ctx)) + ": the tests that are left were not made"}
		}
		if err != nil {
			return err
		}
		for verdict, n := range more {
			t[verdict] += n
		}
	}
	inv.talk.Info("looked", t.text())
	if t[contract.Fail] > 0 {
		return silent(codeFailed)
	}
	return nil
}

// close gives the public address back, if it was not done.
func (d *doctor) close() {
	if d.endpoint == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	_ = d.endpoint.Close(ctx) // it is closed all the same
}

// take takes a step, and the time.
func (d *doctor) take(ctx context.Context, step doctorStep) contract.Finding {
	defer d.inv.talk.Wait("looking", step.name)()
	start := time.Now()
	f := step.look(d, ctx)
	f.Test, f.Duration = step.name, time.Since(start)
	return f
}

func passed(detail string) contract.Finding {
	return contract.Finding{Verdict: contract.Pass, Detail: detail}
}

func warned(detail, advice string) contract.Finding {
	return contract.Finding{Verdict: contract.Warn, Detail: detail, Advice: advice}
}

func failed(detail, advice string) contract.Finding {
	return contract.Finding{Verdict: contract.Fail, Detail: detail, Advice: advice}
}

func skipped(detail string) contract.Finding {
	return contract.Finding{Verdict: contract.Skip, Detail: detail}
}

// failedBy is failed for an error that may have a hint of its own.
func failedBy(err error) contract.Finding {
	advice := hintOf(err)
	if advice == "" {
		advice = "narada doctor -v says more; a fault of narada's is reported at https://github.com/narada-cli/narada/issues"
	}
	return failed(explain(err), advice)
}
