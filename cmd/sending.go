package cmd

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/network"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/usage"
)

// sendFlags are the flags of commands that send callbacks.
type sendFlags struct {
	callback callbackFlags
	target   targetFlags
	timeout  time.Duration
	yes      bool
}

func (s *sendFlags) add(cmd *cobra.Command) {
	cmd.Flags().Var(units.DurationFlag(&s.timeout, deliver.DefaultTimeout), "timeout", "wait at most this `DURATION` for each answer")
	s.callback.addCredentials(cmd)
	s.target.add(cmd)
}

// addYes adds the flag of a command that asks before it sends.
func (s *sendFlags) addYes(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&s.yes, "yes", "y", false, "send to another machine without asking")
}

// resolve returns the target at that URL, which "" leaves open, and the credentials of the
// callbacks.
func (s *sendFlags) resolve(inv *invocation, address string) (target network.Target, c secret.Credentials, err error) {
	if err := usage.AtLeast("timeout", s.timeout, time.Millisecond); err != nil {
		return target, c, err
	}
	if c, err = s.callback.credentials(inv, true); err != nil {
		return target, c, err
	}
	target, err = s.target.target(inv, address)
	return target, c, err
}

// sender returns a sender to a target.
func (s *sendFlags) sender(inv *invocation, t network.Target) deliver.Sender {
	return deliver.Sender{Transport: inv.targetTransport(t)(), Timeout: s.timeout}
}

// senders returns what returns a sender to an endpoint that is trusted as target is, or why
// callbacks may not be sent there.
func (s *sendFlags) senders(inv *invocation, target network.Target) func(string) (deliver.Sender, error) {
	known := map[string]deliver.Sender{}
	return func(address string) (deliver.Sender, error) {
		if sender, ok := known[address]; ok {
			return sender, nil
		}
		var err error
		if target.URL, err = s.target.parse("", address); err == nil {
			known[address] = s.sender(inv, target)
		}
		return known[address], err
	}
}

// confirm asks before something is sent to another machine: on a terminal it asks the
// person, elsewhere it requires --yes.
func (s *sendFlags) confirm(ctx context.Context, inv *invocation, what, address string) error {
	u, err := url.Parse(address)
	if s.yes || err == nil && network.IsLoopback(u.Hostname()) {
		return err
	}
	return confirm(ctx, inv, "send "+what+" to "+u.Host+"?", false, "add --yes to send "+what)
}

// printAttempt prints a callback that was sent: request ID, status code (or a dash),
// duration and, withAnswer, the answer. Secrets in the answer are masked.
func printAttempt(inv *invocation, p *printer, id string, a deliver.Attempt, withAnswer bool) error {
	mask := inv.masker.Mask
	if a.CutOff() {
		mask = inv.masker.MaskStart
	}
	answer := mask(string(a.Answer))
	columns := []string{term.OneLine(id), "-", units.Round(a.Duration).String()}
	if a.StatusCode != 0 {
		columns[1] = strconv.Itoa(a.StatusCode)
	}
	if withAnswer {
		columns = append(columns, dash(term.OneLine(answer)))
	}
	return p.Print(a.Document(id, answer), strings.Join(columns, "\t"))
}

// refusalHint says what to do about an answer of the endpoint at address that does not
// accept a callback; leadsTo is where a redirect leads, credentials how to set them.
func refusalHint(status int, address, leadsTo, credentials string) string {
	switch u, err := url.Parse(address); {
	case status == 401 || status == 403:
		return "the endpoint requires other credentials: " + credentials
	case status == 404 && err == nil:
		return "the endpoint has no path " + cmp.Or(u.EscapedPath(), "/") + ": correct the URL"
	case leadsTo != "":
		return "callbacks do not follow redirects: send them to " + leadsTo
	}
	return ""
}

// attemptHint says what to do about an attempt at address that was not accepted, or "".
func attemptHint(a deliver.Attempt, address string) string {
	if a.StatusCode == 0 {
		return ownHint(a.Err)
	}
	return refusalHint(a.StatusCode, address, a.LeadsTo(address), "--callback-secret env:NAME, --callback-header 'Authorization: env:NAME'")
}

// notAccepted is the error of a command some of whose callbacks were not accepted.
func notAccepted(refused, sent int, hint string) error {
	if refused == 0 {
		return nil
	}
	return &exitError{code: codeFailed, text: fmt.Sprintf("%d of %d callbacks were not accepted", refused, sent), next: hint}
}
