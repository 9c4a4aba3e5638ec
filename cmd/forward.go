package cmd

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/forward"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/term"
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

// logForwardEvent logs an event of forwarding.
func logForwardEvent(inv *invocation, event forward.Event) {
	log := inv.log
	switch e := event.(type) {
	case forward.Waiting:
		log.Info("waiting", fmt.Sprintf("forwarding %s from earlier to %s", units.Count(e.Count, "callback"), e.Target))
	case forward.Forwarded:
		if forward.IsCommand(e.Target) {
			log.Detail("ran", term.OneLine(e.RequestID)+": "+e.Target+" succeeded")
			return
		}
		log.Info("forwarded", delivery(e.RequestID, e.Target, e.Result), deliveryFields(e.RequestID, e.Target, e.Result)...)
	case forward.NotForwarded:
		logNotForwarded(inv, e)
	case forward.TargetDown:
		log.Warn("target-down", fmt.Sprintf("%s does not accept callbacks: %s; retrying", e.Target, e.Attempt.Kind()))
	case forward.TargetUp:
		log.Info("target-back", e.Target+" accepts callbacks again")
	case forward.StoreFailed:
		inv.warnOfLedger(e.Err, "forwarding to "+e.Target+" waits")
	case forward.LeaseLost:
		log.Warn("lease-lost", "another listener with this name forwards to "+e.Target+" now")
	case forward.CommandBusy:
		log.Warn("waiting", e.Target+": waiting for the command of an earlier listen to end")
	case forward.Finishing:
		log.Info("finishing", "finishing the callback to "+e.Target+": press Ctrl-C again to quit")
	case forward.Remaining:
		if e.Err != nil {
			log.Warn("ledger", e.Err.Error())
			return
		}
		log.Warn("waiting", fmt.Sprintf("%s not forwarded yet to %s: the next narada listen with this target resumes", units.Count(e.Count, "callback"), e.Target))
	}
}

func logNotForwarded(inv *invocation, e forward.NotForwarded) {
	text := term.OneLine(e.RequestID) + ": not forwarded to " + e.Target
	if e.Result.StatusCode != 0 {
		text = delivery(e.RequestID, e.Target, e.Result) + ": not forwarded"
	}
	inv.log.Warn("not-forwarded", text+notForwarded(e.Result), deliveryFields(e.RequestID, e.Target, e.Result)...)
	if hint := refusalHint(e.Result.StatusCode, e.Target, e.Result.LeadsTo, forwardCredentials); hint != "" && !e.Result.Repeated {
		inv.log.Hint(hint)
	}
}

// delivery is a callback that a target has answered, in a line.
func delivery(id, target string, r forward.Result) string {
	return fmt.Sprintf("%d POST %s %s  %s", r.StatusCode, target, units.Round(max(r.Took, time.Millisecond)), term.OneLine(id))
}

func deliveryFields(id, target string, r forward.Result) []slog.Attr {
	return []slog.Attr{
		requestField(id), slog.Any("status", r.StatusCode), slog.Any("target", target),
		slog.Any("durationMs", float64(r.Took.Microseconds())/1000), slog.Any("attempts", r.Attempts),
	}
}

// forwardCredentials says how a forwarded callback gets the credentials of its target.
const forwardCredentials = "narada dispatch --callback-secret env:NAME --callback-header 'Authorization: env:NAME', or --forward-header"

// notForwarded says why a callback was not forwarded.
func notForwarded(r forward.Result) string {
	reason := ""
	switch {
	case r.LeadsTo != "":
		reason = ": a redirect to " + r.LeadsTo + ", which is not followed"
	case r.StatusCode/100 == 3:
		reason = ": a redirect, which is not followed"
	case r.StatusCode == 0:
		reason = ": " + r.Failure
	}
	if r.Permanent {
		return reason + "; not retried"
	}
	return reason + " after " + units.Count(r.Attempts, "attempt")
}

// targets are where callbacks are forwarded to. dir is the folder of the state; hidden are
// secrets beside those of the settings.
func (o *listenOptions) targets(inv *invocation, dir string, hidden []secret.String) (list []forward.Target, err error) {
	if o.forward.to != "" {
		t, err := o.forward.target(inv)
		if err != nil {
			return nil, err
		}
		list, hidden = append(list, t), append(hidden, t.Added.Secrets()...)
	}
	if len(o.command) == 0 {
		return list, nil
	}
	hidden = slices.Concat(hidden, secret.InURLs(o.forward.to), secret.InURLs(inv.settings.Get(config.Store).Text))
	names := []string{"PGPASSWORD"} // of that store
	for _, key := range config.Keys() {
		if key.Secret {
			names, hidden = append(names, key.Env), append(hidden, inv.settings.Secret(key.Name))
		}
	}
	c := &forward.Command{
		Words: o.command, Line: output.ShellLine(o.command...), Dir: inv.app.Dir, Stdout: inv.app.Stdout, Stderr: inv.app.Stderr,
		Environ: forward.WithoutSecrets(inv.app.Environ(), names, hidden),
		State:   dir, Report: func(e forward.Event) { logForwardEvent(inv, e) },
	}
	if err := c.Find(); err != nil {
		return nil, usage.Errorf("", "%s: %v", o.command[0], err)
	}
	return append(list, c), nil
}
