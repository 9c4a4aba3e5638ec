package cmd

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/secret"
)

// cloud is where a command finds its API.
type cloud struct {
	client  *narada.Client
	baseURL *url.URL
}

// cloud makes the client of the API that the settings name.
func (inv *invocation) cloud() (*cloud, error) {
	setting := inv.settings.Get(config.BaseURL)
	base, err := narada.ParseBaseURL(setting.Text)
	if err != nil {
		return nil, &config.InvalidError{What: config.BaseURL + " (" + setting.Origin + ")", Err: err}
	}
	key := inv.settings.Secret(config.APIKey)
	if key.Empty() {
		return nil, noKey(inv.settings)
	}
	client, err := inv.newClient(key, base.String())
	if err != nil {
		return nil, &config.InvalidError{What: config.APIKey + " (" + inv.settings.Get(config.APIKey).Origin + ")", Err: err}
	}
	return &cloud{client: client, baseURL: base}, nil
}

// noKey says that there is no API key for the base URL.
func noKey(s *config.Settings) *exitError {
	e := &exitError{code: codeUnauthorized, text: "no API key", next: "set NARADA_API_KEY, or store one: narada config set api-key -"}
	if !s.Withheld.Set() {
		return e
	}
	base := s.Get(config.BaseURL)
	e.text = fmt.Sprintf("no API key for %s: that address is from %s, and the key from %s is not sent there", base.Text, base.Origin, s.Withheld.Origin)
	e.next = "set NARADA_API_KEY too, or give the address with --base-url"
	if base.Layer == config.LayerProfile {
		e.next = "narada --profile " + output.ShellWord(s.Profile) + " config set api-key - stores one for the profile"
	}
	return e
}

func (inv *invocation) newClient(key secret.String, baseURL string) (*narada.Client, error) {
	return narada.NewClient(key.Reveal(),
		narada.WithBaseURL(baseURL),
		narada.WithTransport(&wire{next: inv.transport(), log: inv.log}),
		narada.WithUserAgent("narada-cli/"+inv.app.Build.version()))
}

func (inv *invocation) transport() *http.Transport {
	t := narada.NewTransport()
	find := inv.proxy()
	t.Proxy = func(r *http.Request) (*url.URL, error) { return find(r.URL) }
	t.DialContext = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	return t
}

// proxy finds the proxy for an address from HTTPS_PROXY, HTTP_PROXY and
// NO_PROXY.
func (inv *invocation) proxy() func(*url.URL) (*url.URL, error) {
	env := func(name string) string {
		if value := inv.app.getenv(name); value != "" {
			return value
		}
		return inv.app.getenv(strings.ToLower(name))
	}
	c := httpproxy.Config{HTTPProxy: env("HTTP_PROXY"), HTTPSProxy: env("HTTPS_PROXY"), NoProxy: env("NO_PROXY")}
	return c.ProxyFunc()
}
