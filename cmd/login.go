package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/doctor"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/usage"
)

type loginOptions struct{ key, window string }

// whereShown says where a person finds a key and a window's ID.
const whereShown = `"Authentication" at https://docs.narada.ai shows where to find it`

func newLogin(inv *invocation) *cobra.Command {
	var o loginOptions
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Store an API key, once the API has accepted it",
		Long: `login asks for the API key, without showing it, and tries it: it asks the API for a
task that does not exist. A key that the API accepts is stored in the user file
(narada config path), or with --profile in that profile, with the base URL in force.
A key that is refused is not stored: exit code 6. If the API was not reached: 7.

It then asks for the ID of the browser window in which tasks run; Enter skips that.

In a script, give the key as env:NAME, file:PATH or - (stdin).`,
		Example: `  narada login

  # in a script
  narada login --key - < key.txt

  # another cloud, as a profile
  narada --profile staging --base-url https://staging.example.com/fast/v2 login`,
		Args: usage.NoArgs,
		RunE: withNewProfile(inv, func(cmd *cobra.Command, _ []string) error { return runLogin(cmd.Context(), inv, &o) }),
	}
	cmd.Flags().StringVar(&o.key, "key", "", "store the API key in `REF`: env:NAME, file:PATH or - (stdin)")
	cmd.Flags().StringVar(&o.window, "window", "", "also store the ID of the browser window `ID`, without asking")
	return cmd
}

func runLogin(ctx context.Context, inv *invocation, o *loginOptions) error {
	asks := inv.app.StdinTerminal && inv.app.StderrTerminal
	switch {
	case o.window != "":
		if err := narada.CheckWindowID(o.window); err != nil {
			return usage.Errorf("", "--window: %v", err)
		}
	case o.key == "" && !asks:
		return usage.Errorf("narada login --key - reads the key from stdin", "there is no terminal to ask for the API key on")
	}
	base, err := baseURL(inv)
	if err != nil {
		return err
	}
	key, err := o.readKey(inv, base)
	if err == nil {
		err = tryKey(ctx, inv, key, base)
	}
	if err != nil {
		return err
	}
	if err := keepKey(inv, key, base.String()); err != nil {
		return err
	}
	return o.keepWindow(ctx, inv, asks && o.key == "")
}

// keepKey stores the key, and the API's address beside it.
func keepKey(inv *invocation, key, base string) error {
	settings := []config.Setting{{Name: config.APIKey, Value: &key}}
	address := inv.settings.Get(config.BaseURL).Layer
	if address != config.LayerDefault {
		settings = append(settings, config.Setting{Name: config.BaseURL, Value: &base})
	}
	if err := config.WriteAll(userFile(inv), profileName(inv), settings...); err != nil {
		return err
	}
	inv.log.Info("login", fmt.Sprintf("%s accepted the API key; it is stored in %s", base, keptIn(inv)))
	switch { // a profile that --profile selects comes before the environment
	case inv.profile != "":
	case address == config.LayerEnvironment:
		inv.log.Warn("login", "unset NARADA_API_BASE_URL: with it, only NARADA_API_KEY is used; the address is stored, too")
	case inv.settings.Get(config.APIKey).Layer == config.LayerEnvironment:
		inv.log.Warn("login", "NARADA_API_KEY is set, too, and is used instead of the stored key")
	}
	return nil
}

// keptIn says where the settings are that the command writes.
func keptIn(inv *invocation) string {
	if profile := profileName(inv); profile != "" {
		return "profile " + profile + " in " + userFile(inv)
	}
	return userFile(inv)
}

// readKey returns the key of --key, or asks for it.
func (o *loginOptions) readKey(inv *invocation, base *url.URL) (string, error) {
	name, ref := "--key", o.key
	if ref == "" {
		inv.log.Info("login", "the API key is not shown while you type it; "+whereShown)
		name, ref = "API key for "+base.String(), "-"
	}
	resolved, err := inv.source.Resolve(name, ref)
	inv.masker.Hide(resolved)
	if err != nil {
		return "", usage.Errorf("", "%s: %v", name, err)
	}
	return resolved.Reveal(), nil
}

// tryKey asks the API whether it accepts the key.
func tryKey(ctx context.Context, inv *invocation, key string, base *url.URL) error {
	c, err := newCloud(inv, secret.New(key), base)
	if err != nil {
		return usage.Errorf("", "API key: %v", err)
	}
	const nothing = ": nothing was stored"
	err = doctor.TryKey(ctx, c.client)
	if api, ok := errors.AsType[*narada.APIError](err); ok && api.Unauthorized() {
		return &exitError{code: codeUnauthorized, text: fmt.Sprintf("%s refused the API key with %d%s", base, api.StatusCode, nothing), next: whereShown, err: err}
	}
	if err != nil {
		e := callError(ctx, "the API key could not be tried", err)
		e.code, e.text, e.next = codeUnreachable, e.text+nothing, "narada config set api-key - stores it without trying it"
		return e
	}
	return nil
}

// keepWindow stores the ID of the browser window, if there is one to store.
func (o *loginOptions) keepWindow(ctx context.Context, inv *invocation, asks bool) error {
	id := o.window
	if set := inv.settings.Get(config.BrowserWindowID); id == "" && asks && !set.Set() {
		inv.log.Info("login", "tasks run in a browser window; "+whereShown)
		var err error
		if id, err = term.AskLine(ctx, inv.app.streams.In, inv.stderr, "ID of the browser window (Enter skips): "); err != nil {
			return err
		}
	}
	if id == "" {
		return nil
	}
	if err := narada.CheckWindowID(id); err != nil { // the key is stored: the command has done its work
		inv.log.Warn("login", err.Error()+": no browser window was stored")
		inv.log.Hint("narada config set browser-window-id ID stores one")
		return nil
	}
	if err := config.Write(userFile(inv), profileName(inv), config.BrowserWindowID, &id); err != nil {
		return err
	}
	inv.log.Info("login", "tasks run in the browser window "+id)
	return nil
}

func newLogout(inv *invocation) *cobra.Command {
	return &cobra.Command{
		Use:   "logout",
		Short: "Remove the stored API key",
		Long: `logout removes the API key from the user file (narada config path), or with --profile
from that profile. The key remains valid, and other settings remain stored.`,
		Example: `  narada logout
  narada --profile staging logout`,
		Args: usage.NoArgs,
		RunE: inv.withSettings(func(*cobra.Command, []string) error { return runLogout(inv) }),
	}
}

func runLogout(inv *invocation) error {
	switch err := config.Write(userFile(inv), profileName(inv), config.APIKey, nil); {
	case errors.Is(err, config.ErrNotSet):
		inv.log.Info("logout", "no API key is stored in "+keptIn(inv))
	case err != nil:
		return err
	default:
		inv.log.Info("logout", "the API key was removed from "+keptIn(inv))
	}
	if base := inv.settings.Get(config.BaseURL); base.Layer == config.LayerUser || base.Layer == config.LayerProfile {
		inv.log.Info("logout", "the base URL remains: "+base.Shown())
	}
	if inv.profile == "" && inv.settings.Get(config.APIKey).Layer == config.LayerEnvironment {
		inv.log.Warn("logout", "NARADA_API_KEY is set, and is still used")
	}
	return nil
}
