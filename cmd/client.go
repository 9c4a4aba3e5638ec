package cmd

import (
	"fmt"
	"net/url"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/secret"
)

// cloud is the API that a command calls.
type cloud struct {
	client  *narada.Client
	baseURL *url.URL
}

// cloud returns the API that the settings name.
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
	c, err := newCloud(inv, key, base)
	if err != nil {
		return nil, &config.InvalidError{What: config.APIKey + " (" + inv.settings.Get(config.APIKey).Origin + ")", Err: err}
	}
	return c, nil
}

func newCloud(inv *invocation, key secret.String, base *url.URL) (*cloud, error) {
	client, err := narada.NewClient(key.Reveal(), narada.WithBaseURL(base.String()),
		narada.WithTransport(inv.loggedTransport()), narada.WithUserAgent("narada-cli/"+inv.app.Build.version()))
	return &cloud{client, base}, err
}

// noKey is the error that there is no API key for the base URL.
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
