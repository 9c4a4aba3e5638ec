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
	key, _ := config.FindKey(config.Via)
	f.StringVar(&a.via, "via", key.Default, "get the answer by `MODE`: auto, callback, poll or listener[:NAME]")
	config.Fill(f, "via", config.Via)
	a.catch.add(cmd)
	addMaxBody(f, &a.maxBody, "answers")
	f.BoolVar(&a.sandbox, "sandbox", false, "run against a local stand-in for the cloud: no account, no network")
	f.StringVar(&a.rules, "rules", "", "use the sandbox rules in `FILE`")
}

// noTokenHint says what to do without an authtoken.
const noTokenHint = "set NGROK_AUTHTOKEN, or use your own address: --public-url URL --addr HOST:PORT"

// check finds flags that cannot be used together.
func (a *answerFlags) check(inv *invocation) error {
	own, setting := a.catch.own(inv), inv.settings.Get(config.Via)
	if err := setting.Key.Check(a.via); err != nil {
		return usage.Errorf("", "--via: %v", err)
	}
	_, listener := a.listener()
	without := a.via == "poll" || listener // an endpoint
	if setting.Layer != config.LayerFlag && (own && without || a.sandbox && listener) {
		a.via, without, listener = "auto", false, false // the flags of the endpoint override the setting
	}
	switch {
	case without && own:
		return usage.Errorf("", "--via %s and an endpoint address cannot be used together", a.via)
	case listener && a.sandbox:
		return usage.Errorf("", "--via %s and --sandbox cannot be used together", a.via)
	case a.rules != "" && !a.sandbox:
		return usage.Errorf("", "--rules requires --sandbox")
	}
	return usage.Between("max-body", a.maxBody, 1, maxMaxBody)
}

// listener returns the name of the listener that receives the callbacks, "" for any; ok is
// false if there is none.
func (a *answerFlags) listener() (name string, ok bool) {
	name, ok, _ = isListener("--via", a.via) // it has been checked
	return name, ok
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
	_, listener := a.listener()
	switch {
	case a.via == "poll" || listener:
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
