package cmd

import (
	"bufio"
	"context"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/narada"
)

// sendFlags say what a callback shows that this machine sends, and how long it may take.
type sendFlags struct {
	callback callbackFlags
	timeout  time.Duration
	yes      bool
}

// add adds the flags of a command that sends requests called what.
func (s *sendFlags) add(cmd *cobra.Command, what string) {
	cmd.Flags().DurationVar(&s.timeout, "timeout", deliver.DefaultTimeout, "most `time` for one "+what)
	s.callback.addProof(cmd)
}

// addYes adds the flag of a command that asks before it sends.
func (s *sendFlags) addYes(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&s.yes, "yes", "y", false, "send to an address that is not of this machine without asking")
}

// resolve makes a sender, and what callbacks show, of the flags. An endpoint may repeat
// that in its answer: it is hidden.
func (s *sendFlags) resolve(inv *invocation) (sender deliver.Sender, p proof, err error) {
	if s.timeout <= 0 {
		return sender, p, usageError("", "--timeout: %s is not more than 0", s.timeout)
	}
	if p, err = inv.proof(&s.callback); err != nil {
		return sender, p, err
	}
	hideForms(inv, p.hidden)
	return deliver.Sender{Transport: inv.transport(), Timeout: s.timeout}, p, nil
}

// confirm asks before something is sent to an address that is not of this machine: on a
// terminal a person, elsewhere for --yes.
func (s *sendFlags) confirm(ctx context.Context, inv *invocation, what, address string) error {
	u, err := url.Parse(address)
	if s.yes || err == nil && narada.IsLoopback(u.Hostname()) {
		return err
	}
	if !inv.app.StdinTerminal || !inv.app.StderrTerminal {
		return usageError("--yes sends "+what, "%s is not an address of this machine: nothing was sent", u.Host)
	}
	_, _ = io.WriteString(inv.app.Stderr, "Send "+what+" to "+u.Host+"? y or n: ")
	answer, err := bufio.NewReader(inv.app.Stdin).ReadString('\n')
	if ctx.Err() != nil {
		return &exitError{code: codeUsage, text: cause(context.Cause(ctx)) + ": nothing was sent"}
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); err != nil || answer != "y" && answer != "yes" {
		return &exitError{code: codeUsage, text: "nothing was sent"}
	}
	return nil
}
