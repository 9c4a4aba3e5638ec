package task

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret"
)

// useDispatch is the hint where a command makes a callback address of its own.
const useDispatch = "narada dispatch submits a task whose callback goes elsewhere"

// callback is --callback-url, --callback-secret and --callback-header.
func (s Spec) callback(p *Plan, source *secret.Source) error {
	c, r := s.Callback, p.Request
	if c.URL != "" {
		if err := CheckCallbackURL(c.URL); err != nil {
			return inputError(hintOf(err), "--callback-url: %v", err)
		}
		r.CallbackURL = c.URL
	}
	if r.CallbackURL == "" {
		if c.Secret != "" || len(c.Headers) > 0 || r.CallbackSecret != "" || len(r.CallbackHeaders) > 0 {
			what := s.from("--callback-secret and --callback-header", c.Secret != "" || len(c.Headers) > 0, "callbackSecret and callbackHeaders")
			return inputError("add --callback-url URL", "%s need a callback URL to go to", what)
		}
		return nil
	}
	if c.Secret != "" {
		value, err := source.Resolve(c.Secret)
		if err != nil {
			return inputError("", "--callback-secret: %v", err)
		}
		r.CallbackSecret = value.Reveal()
		p.hide(value, c.Secret)
	}
	headers, err := ParseHeaders("--callback-header", c.Headers, source)
	if err != nil {
		return err
	}
	for name, value := range headers.Values { // those of the file that it replaces were left out
		if r.CallbackHeaders == nil {
			r.CallbackHeaders = map[string]string{}
		}
		r.CallbackHeaders[name] = value
	}
	for _, ref := range headers.References {
		p.hide(ref.Value, ref.Text)
	}
	p.Warnings = append(p.Warnings, headers.Warnings...)
	return nil
}

// CheckCallbackURL reports why the cloud cannot send a callback to address.
func CheckCallbackURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err == nil && u.User != nil: // which may be a password
		return inputError("", "%q is not a URL that a callback can go to: there is a user in it", u.Redacted())
	case err != nil || u.Host == "" || u.Fragment != "":
		return inputError("", "%q is not a URL that a callback can go to", address)
	case u.Scheme == "https", u.Scheme == "http" && narada.IsLoopback(u.Hostname()):
		return nil
	case u.Scheme == "http":
		return inputError("the cloud sends callbacks to https addresses only, so that secret and answer stay private on the way",
			"%q is plain http", address)
	}
	return inputError("", "%q is not an https URL", address)
}

// Headers are callback headers that were written as flags.
type Headers struct {
	Values     map[string]string
	References []Reference // of those values that are secret
	Warnings   []string
}

// Reference is a secret, and what it was written as.
type Reference struct {
	Value secret.String
	Text  string // env:NAME, file:PATH or -; the value itself where it stood there
}

// ParseHeaders reads "Name: value" texts, the value being text, env:NAME or
// file:PATH, of the flag of that name.
func ParseHeaders(flag string, list []string, source *secret.Source) (Headers, error) {
	h := Headers{Values: map[string]string{}}
	seen := map[string]bool{}
	for _, text := range list {
		name, value, ok := strings.Cut(text, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case !ok:
			// What has no colon may be a value alone: it is not repeated.
			return Headers{}, inputError("write it as "+flag+" 'Authorization: env:NAME'", "%s: there is no colon between name and value", flag)
		case checkHeader(name, "") != nil:
			return Headers{}, inputError("", "%s: %v", flag, checkHeader(name, ""))
		case seen[http.CanonicalHeaderKey(name)]:
			return Headers{}, inputError("", "%s: %s is given twice", flag, name)
		}
		seen[http.CanonicalHeaderKey(name)] = true
		switch {
		case value != "-" && secret.IsReference(value):
			resolved, err := source.Resolve(value)
			if err != nil {
				return Headers{}, inputError("", "%s: %s: %v", flag, name, err)
			}
			h.References = append(h.References, Reference{resolved, value})
			value = resolved.Reveal()
		case isSensitive(name):
			h.Warnings = append(h.Warnings, fmt.Sprintf("the value of the header %s stands on the command line, where others can see it: use '%s: env:NAME' or '%s: file:PATH'", name, name, name))
			h.References = append(h.References, Reference{secret.New(value), value})
		}
		if err := checkHeader(name, value); err != nil {
			return Headers{}, inputError("", "%s: %v", flag, err)
		}
		h.Values[name] = value
	}
	return h, nil
}

// checkHeader reports why name and value cannot be a header.
func checkHeader(name, value string) error {
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		return fmt.Errorf("%q is not a header's name", name)
	case !httpguts.ValidHeaderFieldValue(value):
		return fmt.Errorf("the value of %s has a line break or another character that cannot stand in a header", name)
	}
	return nil
}

// isSensitive reports whether a header's name says that its value is a secret.
func isSensitive(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"authorization", "cookie", "token", "secret", "key", "password", "signature"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
