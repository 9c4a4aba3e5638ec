package cmd

import (
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/forward"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/units"
)

// forwardFlags say to which endpoint callbacks are forwarded.
type forwardFlags struct {
	to      string
	headers []string
	retries int
	timeout time.Duration
}

// defaultForwardRetries are some three minutes.
const defaultForwardRetries = 10

func (f *forwardFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.to, "forward-to", "", "pass each callback on to this `URL`: https, or http on this machine")
	flags.StringArrayVar(&f.headers, "forward-header", nil, "header that is added, as `'Name: value'`; the value may be env:NAME or file:PATH (repeatable)")
	flags.IntVar(&f.retries, "forward-retries", defaultForwardRetries, "how `often` more a callback is passed on that was not taken")
	flags.Var(units.DurationFlag(&f.timeout, deliver.DefaultTimeout), "forward-timeout", "most `time` that the answer to one may take")
}

// check finds flags that make no sense.
func (f *forwardFlags) check(cmd *cobra.Command) error {
	if f.to == "" {
		for _, name := range []string{"forward-header", "forward-retries", "forward-timeout"} {
			if cmd.Flags().Changed(name) {
				return usageError("add --forward-to URL", "--%s: callbacks are passed on to nobody", name)
			}
		}
		return nil
	}
	switch {
	case f.retries < 0:
		return usageError("", "--forward-retries: %d is less than 0", f.retries)
	case f.timeout <= 0:
		return usageError("", "--forward-timeout: %s is not more than 0", f.timeout)
	}
	if err := task.CheckCallbackURL(f.to); err != nil {
		return usageError(forwardHint(f.to), "--forward-to: %v", err)
	}
	return nil
}

// forwardHint is what to do about an address to which nothing is forwarded.
func forwardHint(address string) string {
	if u, err := url.Parse(address); err == nil && u.Scheme == "http" && u.User == nil {
		return "secret and answer would be readable on the way: use https, or an address of this machine"
	}
	return ""
}

// target is the endpoint.
func (f *forwardFlags) target(inv *invocation) (*forward.Endpoint, error) {
	added, err := readCredentials(inv, "--forward-header", "", f.headers)
	if err != nil {
		return nil, err
	}
	for name := range added.Header() {
		if !deliver.IsEndToEnd(name) {
			return nil, usageError("", "--forward-header: %s is of the connection to the target, and not for a callback to say", name)
		}
	}
	transport := inv.transport()
	transport.DisableCompression = true // a header that the cloud did not send
	return &forward.Endpoint{
		URL: f.to, Added: added, Report: forwardEvents(inv),
		Sender:  deliver.Sender{Transport: transport, Attempts: 1 + f.retries, Timeout: f.timeout},
		Explain: func(a deliver.Attempt) string { return inv.masker.Mask(explainAttempt(a, f.timeout)) },
	}, nil
}
