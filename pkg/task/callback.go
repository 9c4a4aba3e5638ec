package task

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/textfile"
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
// it must be https, or http on a loopback address.
func CheckCallbackURL(address string) error {
	u, err := url.Parse(address)
	shown := secret.MaskURLs(address)
	switch {
	case strings.Contains(address, secret.Mask):
		return inputError("write the secret in place of "+secret.Mask, "invalid callback URL %q: its secret is masked", shown)
	case err == nil && u.User != nil:
		return inputError("", "invalid callback URL %q: it contains a user name", shown)
	case err != nil || u.Hostname() == "" || u.Fragment != "" || !isPort(u.Port()) || textfile.Check(address) != nil:
		return inputError("", "invalid callback URL %q", shown)
	case u.Scheme == "https", u.Scheme == "http" && narada.IsLoopback(u.Hostname()):
		return nil
	case u.Scheme == "http":
		return inputError("use https: callbacks carry the secret and the answer",
			"%q is plain http", shown)
	}
	return inputError("", "%q is not an https URL", shown)
}

// isPort reports whether text is a port, or empty: that of the scheme.
func isPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return text == "" || err == nil && port > 0
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
