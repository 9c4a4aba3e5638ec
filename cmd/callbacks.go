package cmd

import (
	"errors"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/network"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/usage"
	"github.com/narada-cli/narada/pkg/webhook"
)

// callbackFlags say where the cloud sends callbacks, and with which credentials.
type callbackFlags struct {
	url     string
	secret  string
	headers []string
}

func (c *callbackFlags) addURL(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.url, "callback-url", "", "send the callback to `URL`, or to a running narada listen: listener[:NAME]")
}

func (c *callbackFlags) addCredentials(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.secret, "callback-secret", "", "use the callback secret in env:NAME, file:PATH or - (stdin)")
	f.StringArrayVar(&c.headers, "callback-header", nil, "send a header with the callback: `'NAME: VALUE'` (repeatable)")
}

// credentials returns those of the flags. With setting, the secret defaults to that of
// the settings.
func (c *callbackFlags) credentials(inv *invocation, setting bool) (secret.Credentials, error) {
	given, err := readCredentials(inv, "--callback-header", c.secret, c.headers)
	if setting {
		given = given.Or(secret.NewCredentials(inv.settings.Secret(config.CallbackSecret), nil))
	}
	return given, err
}

// readCredentials reads flags, and masks their secrets from now on.
func readCredentials(inv *invocation, headerFlag, callbackSecret string, headers []string) (secret.Credentials, error) {
	c, warnings, err := task.ReadCredentials(headerFlag, callbackSecret, headers, &inv.source)
	inv.warnOfTask(warnings)
	inv.masker.Hide(c.Secrets()...)
	return c, err
}

// listenerURL is the value of --callback-url that selects the narada listen that runs on
// this machine; listener:NAME selects it by its name.
const listenerURL = "listener"

// isListener reports whether the callback URL of a flag selects a listener, and its name: ""
// is any. The error is that it is listener with a mistake.
func isListener(flag, callbackURL string) (name string, ok bool, err error) {
	word, name, named := strings.Cut(callbackURL, ":")
	if strings.HasPrefix(name, "//") {
		return "", false, nil
	}
	if word == listenerURL && named == (name != "") {
		return name, true, nil
	}
	if near := usage.Meant(word, listenerURL); near != "" {
		err = usage.Errorf(near, "%s: %q is not a URL", flag, callbackURL)
	}
	return "", false, err
}

// listeners returns the listeners that take callbacks.
func listeners(inv *invocation) ([]receive.Listener, error) {
	dir, err := inv.stateDir()
	if err != nil {
		return nil, err
	}
	return receive.Running(dir)
}

// findListener finds the running listener with that name, or the only one, for a flag.
func findListener(inv *invocation, flag, name string) (receive.Listener, error) {
	running, err := listeners(inv)
	if err != nil {
		return receive.Listener{}, err
	}
	l, err := receive.Find(running, name)
	failure, ok := errors.AsType[*receive.FindError](err)
	if !ok {
		return l, err
	}
	next := "start one: narada listen"
	switch {
	case len(failure.Running) > 0 && name == "":
		next = "select one: " + flag + " listener:" + failure.Running[0]
	case len(failure.Running) > 0:
		next = "running listeners: " + strings.Join(failure.Running, ", ")
	}
	return l, usage.Errorf(next, "%s: %v", flag, failure)
}

// newTicket makes a ticket with the credentials of the flags, which are given, and random
// ones where there are none. With setting, the secret may be that of the settings.
func newTicket(inv *invocation, c *callbackFlags, setting bool) (t webhook.Ticket, given secret.Credentials, err error) {
	if given, err = c.credentials(inv, setting); err != nil {
		return t, given, err
	}
	t, err = receive.NewTicket(inv.app.Random, given)
	inv.masker.Hide(given.Or(secret.NewCredentials(secret.New(t.Secret), t.Header)).Secrets()...)
	return t, given, err
}

// reachable refuses a listener on loopback for an API on another machine.
func reachable(flag, api string, l receive.Listener) error {
	address, err := url.Parse(l.URL)
	from, failed := url.Parse(api)
	if err == nil && failed == nil && network.IsLoopback(address.Hostname()) && !narada.IsLoopback(from.Hostname()) {
		return usage.Errorf("start narada listen without --local", "%s: %s cannot reach the listener %q on a loopback address", flag, from.Host, l.Name)
	}
	return nil
}

// showTicket shows the credentials that a callback must have.
func showTicket(inv *invocation, show bool, t webhook.Ticket) {
	if !show {
		return
	}
	inv.log.Reveal("secret", "callbackSecret "+t.Secret)
	for name := range t.Header {
		inv.log.Reveal("header", "callbackHeaders "+name+": "+t.Header.Get(name))
	}
}
