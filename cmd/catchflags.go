package cmd

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/network"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/units"
	"github.com/narada-cli/narada/pkg/usage"
	"github.com/narada-cli/narada/pkg/webhook"
)

// catchFlags select the address that receives callbacks.
type catchFlags struct {
	tlsCert string
	tlsKey  string
	local   bool
}

func (c *catchFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	settingFlag(f, "ngrok-domain", config.NgrokDomain, "use the ngrok domain `NAME`")
	settingFlag(f, "public-url", config.PublicURL, "use your own https `URL`, which leads to --addr")
	settingFlag(f, "addr", config.Addr, "listen on `HOST:PORT` instead of an ngrok tunnel")
	f.StringVar(&c.tlsCert, "tls-cert", "", "serve --addr with the certificate in `FILE` (PEM)")
	f.StringVar(&c.tlsKey, "tls-key", "", "serve --addr with the private key in `FILE` (PEM)")
	f.BoolVar(&c.local, "local", false, "listen on loopback with plain http, for tests")
}

// The maxima of flags: what takes no machine's whole memory.
const (
	maxConcurrency       = 10_000
	maxMaxBody     int64 = 1 << 30
)

// addMaxBody adds the flag for the largest callback and, of a command that waits for tasks,
// answer to a status call.
func addMaxBody(f *pflag.FlagSet, size *int64, what string) {
	f.Var(units.SizeFlag(size, webhook.DefaultMaxBody), "max-body", "accept "+what+" of at most this `SIZE`")
}

// own reports whether the flags select an address without ngrok.
func (c *catchFlags) own(inv *invocation) bool {
	return c.local || inv.settings.Get(config.Addr).Layer == config.LayerFlag || c.tlsCert != "" || c.tlsKey != ""
}

// config returns how to open an endpoint; ok is false when that is not configured. With
// agentFile the token may be from the ngrok agent's config file.
func (c *catchFlags) config(inv *invocation, agentFile bool) (t tunnel.Config, ok bool, err error) {
	publicURL, addr, domain := inv.settings.Get(config.PublicURL), inv.settings.Get(config.Addr), inv.settings.Get(config.NgrokDomain)
	t = tunnel.Config{PathPrefix: receive.Prefix, Logger: inv.log.Logger("ngrok")}
	own := c.own(inv)
	if own && domain.Layer == config.LayerFlag {
		return t, false, usage.Errorf("", "--ngrok-domain and --addr or --local cannot be used together")
	}
	switch {
	case c.local && c.ingress(inv):
		return t, false, usage.Errorf("", "--local and --addr, --tls-cert, --tls-key or --public-url cannot be used together")
	case c.local:
		t.Loopback = true
		return t, true, t.Check()
	case own, c.ingress(inv), publicURL.Set() && addr.Set() && domain.Layer != config.LayerFlag:
		t.Ingress = &tunnel.Ingress{PublicURL: publicURL.Text, Addr: addr.Text, TLSCert: c.tlsCert, TLSKey: c.tlsKey}
		return t, true, t.Check()
	case domain.Layer != config.LayerFlag:
		warnOfIngress(inv, publicURL, addr)
	}
	token := inv.settings.Secret(config.NgrokAuthtoken)
	if token.Empty() && agentFile {
		token = agentToken(inv)
	}
	if token.Empty() {
		return t, false, nil
	}
	if t.Ngrok, err = ngrokConfig(inv, token, domain.Text); err != nil {
		return t, false, err
	}
	return t, true, t.Check()
}

// ingress reports whether the flags select an ingress of the user's.
func (c *catchFlags) ingress(inv *invocation) bool {
	byFlag := func(name string) bool { return inv.settings.Get(name).Layer == config.LayerFlag }
	return byFlag(config.Addr) || byFlag(config.PublicURL) || c.tlsCert != "" || c.tlsKey != ""
}

// warnOfIngress warns of a setting of an ingress that is not used without the other.
func warnOfIngress(inv *invocation, publicURL, addr config.Value) {
	if !publicURL.Set() {
		publicURL, addr = addr, publicURL
	}
	if publicURL.Set() && !addr.Set() {
		inv.log.Warn("endpoint", publicURL.Key.Name+" ("+publicURL.Origin+") is not used: "+addr.Key.Name+" is not set")
	}
}

// agentToken reads the token from the ngrok agent's config file.
func agentToken(inv *invocation) secret.String {
	token, path, err := tunnel.AgentConfigToken(inv.app.getenv, runtime.GOOS)
	switch {
	case err != nil:
		inv.log.Warn("ngrok", err.Error())
	case !token.Empty():
		inv.log.Detail("ngrok", "using the authtoken from "+path)
	}
	inv.masker.Hide(token)
	return token
}

func ngrokConfig(inv *invocation, token secret.String, domain string) (*tunnel.Ngrok, error) {
	n := &tunnel.Ngrok{
		Authtoken: token, Domain: domain,
		ConnectURL: inv.settings.Get(config.NgrokConnectURL).Text,
		Proxy:      network.Proxy(inv.app.getenv),
		Client:     "narada-cli", Version: inv.app.Build.version(),
	}
	cas := inv.settings.Get(config.NgrokConnectCAs)
	if !cas.Set() {
		return n, nil
	}
	list, err := network.ReadCAs(inv.source.Context, cas.Text)
	if err != nil {
		return nil, cas.Invalid(err)
	}
	n.ConnectCAs = network.Pool(nil, list)
	return n, nil
}

// openEndpoint opens the endpoint within limit.
func (inv *invocation) openEndpoint(ctx context.Context, t tunnel.Config, limit time.Duration) (*tunnel.Endpoint, error) {
	const what = "opening the callback endpoint"
	start := time.Now()
	inv.log.Detail("opening", what)
	opened := inv.log.Wait("opening", what)
	e, err := receive.OpenTunnel(ctx, t, limit)
	opened()
	if err == nil {
		inv.log.Detail("endpoint", fmt.Sprintf("receiving callbacks at %s (opened in %s)", e.URL(), time.Since(start).Round(time.Millisecond)))
	}
	return e, err
}

// closeInbox closes the server and its endpoint.
func (inv *invocation) closeInbox(s *receive.Server) {
	if err := s.Close(); err != nil {
		receiveEvents(inv, false)(receive.CloseFailed{Err: err})
	}
}
