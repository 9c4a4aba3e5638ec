package task

import (
	"errors"
	"fmt"

	"github.com/narada-cli/narada/pkg/network"
	"github.com/narada-cli/narada/pkg/secret"
)

// useDispatch is the hint of a command that opens its own callback endpoint.
const useDispatch = "use narada dispatch for a callback to another endpoint"

// callback applies --callback-url, --callback-secret and --callback-header.
func (s Spec) callback(p *Plan, source *secret.Source) error {
	c, r := s.Callback, p.Request
	if c.URL != "" {
		if err, ok := errors.AsType[*InputError](CheckCallbackURL(c.URL)); ok {
			return inputError(err.Next, "--callback-url: %v", err)
		}
		r.CallbackURL = c.URL
	}
	if r.CallbackURL == "" {
		if c.Secret != "" || len(c.Headers) > 0 || r.CallbackSecret != "" || len(r.CallbackHeaders) > 0 {
			what := s.from("--callback-secret and --callback-header", c.Secret != "" || len(c.Headers) > 0, "callbackSecret and callbackHeaders")
			return inputError("add --callback-url URL", "%s require a callback URL", what)
		}
		return nil
	}
	given, warnings, err := ReadCredentials("--callback-header", c.Secret, c.Headers, source)
	if err != nil {
		return err
	}
	if text := given.Secret().Reveal(); text != "" {
		r.CallbackSecret = text
	}
	given.Apply(func(name, value string) { // overridden headers of the file are not in the request
		put(&r.CallbackHeaders, name, value)
	})
	p.hide(given.Secrets()...)
	p.hide(secret.InURLs(r.CallbackURL)...)
	p.Warnings = append(p.Warnings, warnings...)
	return nil
}

// CheckCallbackURL returns an *InputError if the cloud cannot send a callback to address:
// it must be https, or http to this machine.
func CheckCallbackURL(address string) error {
	u, err := network.ParseURL(address)
	if err == nil && network.CheckPlain(u, false) != nil {
		return inputError("use https: callbacks carry the secret and the answer", "%q is plain http", secret.MaskURLs(address))
	}
	if wrong, ok := errors.AsType[*network.AddressError](err); ok {
		return inputError(wrong.Next, "%s", wrong.Text)
	}
	return nil
}

// ReadCredentials reads credentials from flags: the reference of --callback-secret, "" for
// none, and the headers of headerFlag. The warnings are about secrets on the command line.
func ReadCredentials(headerFlag, callbackSecret string, headers []string, source *secret.Source) (c secret.Credentials, warnings []string, err error) {
	var value secret.String
	if callbackSecret != "" {
		if value, err = source.Resolve("--callback-secret", callbackSecret); err != nil {
			return c, nil, inputError("", "--callback-secret: %v", err)
		}
	}
	c, exposed, err := source.Headers(headers)
	switch {
	case errors.Is(err, secret.ErrNoColon):
		return c, nil, inputError("write it as "+headerFlag+" 'Authorization: env:NAME'", "%s: %v", headerFlag, err)
	case err != nil:
		return c, nil, inputError("", "%s: %v", headerFlag, err)
	}
	for _, name := range exposed {
		warnings = append(warnings, fmt.Sprintf("the value of the header %s is on the command line, where others can see it: use '%s: env:NAME' or '%s: file:PATH'", name, name, name))
	}
	return c.Or(secret.NewCredentials(value, nil)), warnings, nil
}
