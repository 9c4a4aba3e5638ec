package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/usage"
)

// answerFlags say where tasks run, in the cloud or a sandbox, and how their answers
// arrive.
type answerFlags struct {
	catch   catchFlags
	via     string
	sandbox bool
	rules   string
	maxBody int64
}

func (a *answerFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	choiceFlag(f, &a.via, "via", config.Via, "get the answer by `MODE`: auto, callback or poll")
	a.catch.add(cmd)
	addMaxBody(f, &a.maxBody, "answers")
	f.BoolVar(&a.sandbox, "sandbox", false, "run against a local stand-in for the cloud: no account, no network")
	f.StringVar(&a.rules, "rules", "", "use the sandbox rules in `FILE`")
}

// noTokenHint says what to do without an authtoken.
const noTokenHint = "set NGROK_AUTHTOKEN, or use your own address: --public-url URL --addr HOST:PORT"

// check finds flags that cannot be used together.
func (a *answerFlags) check(inv *invocation) error {
	own := a.catch.own(inv)
	if own && inv.settings.Get(config.Via).Layer != config.LayerFlag && a.via == "poll" {
		a.via = "auto" // the flags of the endpoint override the setting
	}
	switch {
	case a.via == "poll" && own:
		return usage.Errorf("", "--via poll and an endpoint address cannot be used together")
	case a.rules != "" && !a.sandbox:
		return usage.Errorf("", "--rules requires --sandbox")
	}
	return usage.Between("max-body", a.maxBody, 1, maxMaxBody)
}

// endpoint returns how to open an endpoint for callbacks of that API, or nil for none.
func (a *answerFlags) endpoint(inv *invocation, c *cloud) (*tunnel.Config, error) {
	t, err := a.endpointConfig(inv)
	if err == nil && t != nil && t.Loopback && c.baseURL.Scheme == "https" {
		err = usage.Errorf("remove --local, or use --sandbox", "--local: %s cannot reach an address of this machine", c.baseURL.Host)
	}
	return t, err
}

func (a *answerFlags) endpointConfig(inv *invocation) (*tunnel.Config, error) {
	switch {
	case a.via == "poll":
		return nil, nil
	case a.sandbox && !a.catch.own(inv):
		return &tunnel.Config{Loopback: true, PathPrefix: receive.Prefix}, nil
	}
	t, ok, err := a.catch.config(inv, a.via == "callback")
	switch {
	case err != nil:
		return nil, err
	case ok:
		return &t, nil
	case a.via == "callback":
		return nil, &exitError{code: codeEndpoint, text: "cannot open a public address: no ngrok authtoken",
			next: noTokenHint}
	}
	inv.log.Info("polling", fmt.Sprintf("no callback endpoint: no ngrok authtoken; polling every %s", inv.duration(config.PollInterval)))
	return nil, nil
}

// cloud returns the API: a sandbox, or that of the settings.
func (a *answerFlags) cloud(ctx context.Context, inv *invocation) (*cloud, func(), error) {
	if a.sandbox {
		return startSandbox(ctx, inv, a.rules, narada.WithMaxAnswer(a.maxBody))
	}
	c, err := inv.cloud(narada.WithMaxAnswer(a.maxBody))
	return c, func() {}, err
}
