package cmd

import (
	"cmp"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/forward"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/usage"
)

// forwardFlags are the flags for forwarding callbacks to an endpoint.
type forwardFlags struct {
	to      string
	headers []string
	retries int
	timeout time.Duration
	trust   targetFlags
}

// defaultForwardRetries take about three minutes.
const defaultForwardRetries = 10

func (f *forwardFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.to, "forward-to", "", "forward each callback to `URL`: https, http on this machine, or a PORT")
	flags.StringArrayVar(&f.headers, "forward-header", nil, "add a header, as `'NAME: VALUE'`; env:NAME and file:PATH are read (repeatable)")
	flags.IntVar(&f.retries, "forward-retries", defaultForwardRetries, "retry a callback at most `N` times")
	flags.Var(units.DurationFlag(&f.timeout, deliver.DefaultTimeout), "forward-timeout", "wait at most this `DURATION` for each answer")
	f.trust.add(cmd)
}

// check checks the values of the flags.
func (f *forwardFlags) check(cmd *cobra.Command) error {
	if f.to == "" {
		return usage.Requires(cmd.Flags(), "forward-to", append(targetFlagNames, "forward-header", "forward-retries", "forward-timeout")...)
	}
	if err := cmp.Or(usage.AtLeast("forward-retries", f.retries, 0), usage.AtLeast("forward-timeout", f.timeout, time.Millisecond)); err != nil {
		return err
	}
	address, err := f.trust.parse("--forward-to: ", f.to)
	f.to = address
	return err
}

// target is the endpoint.
func (f *forwardFlags) target(inv *invocation) (*forward.Endpoint, error) {
	added, err := readCredentials(inv, "--forward-header", "", f.headers)
	if err != nil {
		return nil, err
	}
	for name := range added.Header() {
		if !deliver.IsEndToEnd(name) {
			return nil, usage.Errorf("", "--forward-header: %s cannot be set: it belongs to the connection to the target", name)
		}
	}
	target, err := f.trust.target(inv, f.to)
	if err != nil {
		return nil, err
	}
	transport := inv.targetTransport(target)()
	transport.DisableCompression = true // it would add a header
	return &forward.Endpoint{
		URL: f.to, Added: added, Report: func(e forward.Event) { logForwardEvent(inv, e) },
		Sender:  deliver.Sender{Transport: transport, Attempts: 1 + f.retries, Timeout: f.timeout},
		Explain: func(a deliver.Attempt) string { return inv.masker.Mask(a.Failure().Error()) },
	}, nil
}
