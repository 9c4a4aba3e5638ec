package cmd

import (
	"context"
	"crypto/x509"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/tunnel"
)

// The time that opening an endpoint may take, and closing one.
const (
	openLimit     = receive.OpenLimit
	openLimitAuto = receive.OpenLimitAuto
	closeLimit    = receive.CloseLimit
)

// catchFlags say at which address callbacks are caught.
type catchFlags struct {
	addr    string
	tlsCert string
	tlsKey  string
	local   bool
}

func (c *catchFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	settingFlag(f, "ngrok-domain", config.NgrokDomain, "ngrok `domain` to use")
	settingFlag(f, "public-url", config.PublicURL, "https `URL` of your own, behind which --addr listens")
	f.StringVar(&c.addr, "addr", "", "`HOST:PORT` to listen on, instead of an ngrok tunnel")
	f.StringVar(&c.tlsCert, "tls-cert", "", "certificate `file` (PEM) for --addr")
	f.StringVar(&c.tlsKey, "tls-key", "", "key `file` (PEM) for --addr")
	f.BoolVar(&c.local, "local", false, "listen on loopback with plain http, for trials")
}

// own reports whether the flags ask for an address without ngrok.
func (c *catchFlags) own() bool {
	return c.local || c.addr != "" || c.tlsCert != "" || c.tlsKey != ""
}

// config says how to open an endpoint; ok is false when there is no way to. agentFile
// lets the token come from the ngrok agent's own config file.
func (c *catchFlags) config(inv *invocation, agentFile bool) (t tunnel.Config, ok bool, err error) {
	publicURL, domain := inv.settings.Get(config.PublicURL), inv.settings.Get(config.NgrokDomain)
	t = tunnel.Config{PathPrefix: receive.Prefix, Logger: inv.log.Logger("ngrok")}
	if c.own() && domain.Layer == config.LayerFlag {
		return t, false, usageError("leave one of them out", "--ngrok-domain is for an ngrok tunnel, and another address was asked for")
	}
	switch {
	case c.local && (c.addr != "" || c.tlsCert != "" || c.tlsKey != "" || publicURL.Layer == config.LayerFlag):
		return t, false, usageError("leave one of them out", "--local picks its own address")
	case c.local:
		t.Loopback = true
		return t, true, t.Check()
	case c.own() || publicURL.Layer == config.LayerFlag:
		t.Ingress = &tunnel.Ingress{PublicURL: publicURL.Text, Addr: c.addr, TLSCert: c.tlsCert, TLSKey: c.tlsKey}
		return t, true, t.Check()
	}
	token := inv.settings.Secret(config.NgrokAuthtoken)
	if token.Empty() && agentFile {
		token = agentToken(inv)
	}
	if token.Empty() {
		return t, false, nil
	}
	t.Ngrok, err = ngrokConfig(inv, token, domain.Text)
	if err != nil {
		return t, false, err
	}
	return t, true, t.Check()
}

// agentToken looks for a token where the ngrok agent keeps its own.
func agentToken(inv *invocation) secret.String {
	token, path, err := tunnel.AgentConfigToken(inv.app.getenv, runtime.GOOS)
	switch {
	case err != nil:
		inv.log.Warn("ngrok", err.Error())
	case !token.Empty():
		inv.log.Detail("ngrok", "the authtoken comes from "+path)
	}
	inv.masker.Hide(token)
	return token
}

func ngrokConfig(inv *invocation, token secret.String, domain string) (*tunnel.Ngrok, error) {
	n := &tunnel.Ngrok{
		Authtoken: token, Domain: domain,
		ConnectURL: inv.settings.Get(config.NgrokConnectURL).Text,
		Proxy:      proxyFunc(inv.app),
		Client:     "narada-cli", Version: inv.app.Build.version(),
	}
	cas := inv.settings.Get(config.NgrokConnectCAs)
	if !cas.Set() {
		return n, nil
	}
	where := config.NgrokConnectCAs + " (" + cas.Origin + ")"
	pem, err := os.ReadFile(cas.Text)
	if err != nil {
		return nil, &config.InvalidError{What: where, Err: err}
	}
	n.ConnectCAs = x509.NewCertPool()
	if !n.ConnectCAs.AppendCertsFromPEM(pem) {
		return nil, usageError("", "%s: there is no PEM certificate in %s", where, cas.Text)
	}
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
		inv.log.Detail("endpoint", "callbacks come in at "+e.URL().String()+" (opened in "+time.Since(start).Round(time.Millisecond).String()+")")
	}
	return e, err
}

// closeInbox closes the server and its endpoint.
func (inv *invocation) closeInbox(s *receive.Server) {
	if err := s.Close(); err != nil {
		receiveEvents(inv, false)(receive.CloseFailed{Err: err})
	}
}
