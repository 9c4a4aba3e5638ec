package cmd

import (
	"bufio"
	"context"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/pflag"

	"github.com/narada-cli/narada/pkg/narada"
)

func addYes(f *pflag.FlagSet, yes *bool) {
	f.BoolVarP(yes, "yes", "y", false, "send to an address that is not of this machine without asking")
}

// confirmAddress asks before something is sent to an address that is not of this
// machine: on a terminal a person, elsewhere for --yes.
func confirmAddress(ctx context.Context, inv *invocation, what, address string, yes bool) error {
	u, err := url.Parse(address)
	if yes || err == nil && narada.IsLoopback(u.Hostname()) {
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
