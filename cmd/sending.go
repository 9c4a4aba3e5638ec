package cmd

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/usage"
)

// sendFlags are the flags of commands that send callbacks.
type sendFlags struct {
	callback callbackFlags
	timeout  time.Duration
	yes      bool
}

func (s *sendFlags) add(cmd *cobra.Command) {
	cmd.Flags().Var(units.DurationFlag(&s.timeout, deliver.DefaultTimeout), "timeout", "wait at most this `DURATION` for each answer")
	s.callback.addCredentials(cmd)
}

// addYes adds the flag of a command that asks before it sends.
func (s *sendFlags) addYes(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&s.yes, "yes", "y", false, "send to another machine without asking")
}

// resolve returns a sender, and the credentials of the callbacks.
func (s *sendFlags) resolve(inv *invocation) (sender deliver.Sender, c secret.Credentials, err error) {
	if err := usage.AtLeast("timeout", s.timeout, time.Millisecond); err != nil {
		return sender, c, err
	}
	c, err = s.callback.credentials(inv, true)
	return deliver.Sender{Transport: inv.transport(), Timeout: s.timeout}, c, err
}

// confirm asks before something is sent to another machine: on a terminal it asks the
// person, elsewhere it requires --yes.
func (s *sendFlags) confirm(ctx context.Context, inv *invocation, what, address string) error {
	u, err := url.Parse(address)
	if s.yes || err == nil && narada.IsLoopback(u.Hostname()) {
		return err
	}
	if !inv.app.StdinTerminal || !inv.app.StderrTerminal {
		return usage.Errorf("add --yes to send "+what, "nothing was sent: %s is not an address of this machine", u.Host)
	}
	_, _ = io.WriteString(inv.app.Stderr, "Send "+what+" to "+u.Host+"? y or n: ")
	answer, err := bufio.NewReader(inv.app.streams.In).ReadString('\n')
	if ctx.Err() != nil {
		return &exitError{code: codeUsage, text: cause(context.Cause(ctx)) + ": nothing was sent"}
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); err != nil || answer != "y" && answer != "yes" {
		return &exitError{code: codeUsage, text: "nothing was sent"}
	}
	return nil
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

// notAccepted is the error of a command some of whose callbacks were not accepted.
func notAccepted(refused, sent int) error {
	if refused == 0 {
		return nil
	}
	return &exitError{code: codeFailed, text: fmt.Sprintf("%d of %d callbacks were not accepted", refused, sent)}
}
