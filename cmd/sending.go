package cmd

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/deliver"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
)

// sendFlags say what a callback shows that this machine sends, and how long it may take.
type sendFlags struct {
	callback callbackFlags
	timeout  time.Duration
	yes      bool
}

// add adds the flags of a command that sends requests called what.
func (s *sendFlags) add(cmd *cobra.Command, what string) {
	cmd.Flags().Var(units.DurationFlag(&s.timeout, deliver.DefaultTimeout), "timeout", "most `time` for one "+what)
	s.callback.addCredentials(cmd)
}

// addYes adds the flag of a command that asks before it sends.
func (s *sendFlags) addYes(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&s.yes, "yes", "y", false, "send to an address that is not of this machine without asking")
}

// resolve makes a sender, and what callbacks show, of the flags.
func (s *sendFlags) resolve(inv *invocation) (sender deliver.Sender, c secret.Credentials, err error) {
	if s.timeout <= 0 {
		return sender, c, usageError("", "--timeout: %s is not more than 0", s.timeout)
	}
	c, err = s.callback.credentials(inv, true)
	return deliver.Sender{Transport: inv.transport(), Timeout: s.timeout}, c, err
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

// attemptJSON is a callback that was sent, and its answer, as -o json prints it.
type attemptJSON struct {
	RequestID  string  `json:"requestId"`
	StatusCode *int    `json:"statusCode"`
	DurationMS float64 `json:"durationMs"`
	Answer     *string `json:"answer"`
	Error      *string `json:"error"`
}

// printAttempt prints a callback that was sent: as text it is request ID, status, or a
// dash where there was none, and time, and in a column more the answer where that is
// asked for. What the endpoint repeats of what it was shown is hidden.
func printAttempt(inv *invocation, p *printer, id string, a deliver.Attempt, withAnswer bool) error {
	answer := maskedAnswer(inv, a)
	j := attemptJSON{RequestID: id, DurationMS: milliseconds(a.Duration), Answer: present(answer)}
	columns := []string{term.OneLine(id), "-", units.Round(a.Duration).String()}
	if a.StatusCode != 0 {
		j.StatusCode, columns[1] = &a.StatusCode, fmt.Sprint(a.StatusCode)
	}
	if !a.Accepted() {
		j.Error = present(a.Failure().Error())
	}
	if withAnswer {
		columns = append(columns, dash(term.OneLine(answer)))
	}
	if p.json {
		return p.Value(j)
	}
	return p.Text(strings.Join(columns, "\t"))
}

// explainAttempt says why a callback was not accepted.
func explainAttempt(a deliver.Attempt, _ time.Duration) string { return a.Failure().Error() }

// maskedAnswer is what an endpoint has answered, without what it repeats of what it was
// shown.
func maskedAnswer(inv *invocation, a deliver.Attempt) string {
	if a.CutOff() {
		return inv.masker.MaskStart(string(a.Answer))
	}
	return inv.masker.Mask(string(a.Answer))
}

// milliseconds are those of d, to a thousandth.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
