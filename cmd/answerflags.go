package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/tunnel"
)

// answerFlags say where tasks run, the cloud or a sandbox, and which way their
// answers come.
type answerFlags struct {
	catch   catchFlags
	via     string
	sandbox bool
	rules   string
}

func (a *answerFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.via, "via", "auto", "`way` that the answer comes: auto, callback or poll")
	a.catch.add(cmd)
	f.BoolVar(&a.sandbox, "sandbox", false, "run against a local stand-in for the cloud: no account, no network")
	f.StringVar(&a.rules, "rules", "", "rules `file` of the sandbox")
	_ = cmd.RegisterFlagCompletionFunc("via", cobra.FixedCompletions([]string{"auto", "callback", "poll"}, cobra.ShellCompDirectiveNoFileComp))
}

// check finds flags that do not go together.
func (a *answerFlags) check() error {
	switch {
	case a.via != "auto" && a.via != "callback" && a.via != "poll":
		return usageError("", "--via: %q is not auto, callback or poll", a.via)
	case a.via == "poll" && a.catch.own():
		return usageError("leave one of them out", "--via poll opens no endpoint, and an address for one was given")
	case a.rules != "" && !a.sandbox:
		return usageError("add --sandbox", "--rules is for the sandbox")
	}
	return nil
}

// endpoint says how to open an endpoint for callbacks of that API, nil for not at all.
func (a *answerFlags) endpoint(inv *invocation, c *cloud) (*tunnel.Config, error) {
	t, err := a.endpointConfig(inv)
	if err == nil && t != nil && t.Loopback && c.baseURL.Scheme == "https" {
		err = usageError("leave --local out, or use --sandbox", "--local: %s cannot reach an address of this machine", c.baseURL.Host)
	}
	return t, err
}

func (a *answerFlags) endpointConfig(inv *invocation) (*tunnel.Config, error) {
	switch {
	case a.via == "poll":
		return nil, nil
	case a.sandbox && !a.catch.own():
		return &tunnel.Config{Loopback: true, PathPrefix: receive.Prefix}, nil
	}
	t, ok, err := a.catch.config(inv, a.via == "callback")
	switch {
	case err != nil:
		return nil, err
	case ok:
		return &t, nil
	case a.via == "callback":
		return nil, &exitError{code: codeEndpoint, text: "there is no way to open a callback endpoint: no ngrok authtoken",
			next: "set NGROK_AUTHTOKEN, or give an address of your own: --public-url URL --addr HOST:PORT"}
	}
	inv.log.Info("polling", fmt.Sprintf("no ngrok authtoken, so no callback endpoint: polling every %s", inv.duration(config.PollInterval)))
	return nil, nil
}

// cloud returns the API to run against: the sandbox, or the one of the settings.
func (a *answerFlags) cloud(ctx context.Context, inv *invocation) (*cloud, func(), error) {
	if a.sandbox {
		return startSandbox(ctx, inv, a.rules)
	}
	c, err := inv.cloud()
	return c, func() {}, err
}
