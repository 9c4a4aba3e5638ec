package secret

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Credentials are what a callback must show to prove its sender: a secret in its body
// and headers. They print as Mask; Secret, Header and Apply alone give the values. A
// webhook.Ticket is made of them to compare a callback with them in constant time, and
// for the digest that the ledger keeps.
type Credentials struct {
	secret  String
	headers []credential
}

// credential is a header that must be shown.
type credential struct {
	name   string
	value  String
	public bool // neither where the value was written nor the name tells of a secret
}

// NewCredentials returns credentials with that secret, or an empty one, and headers.
func NewCredentials(callbackSecret String, header http.Header) Credentials {
	c := Credentials{secret: callbackSecret}
	for name := range header {
		c.headers = append(c.headers, credential{name: name, value: New(header.Get(name))})
	}
	return c
}

// Or returns the credentials with the secret and the headers of other where they have none.
func (c Credentials) Or(other Credentials) Credentials {
	if c.secret.Empty() {
		c.secret = other.secret
	}
	if len(c.headers) == 0 {
		c.headers = other.headers
	}
	return c
}

// Secret returns the secret that the body must have, empty for none.
func (c Credentials) Secret() String { return c.secret }

// Header returns the headers, as a request has them.
func (c Credentials) Header() http.Header {
	header := http.Header{}
	c.Apply(header.Set)
	return header
}

// Apply sets the headers, their names spelt as they were written.
func (c Credentials) Apply(set func(name, value string)) {
	for _, h := range c.headers {
		set(h.name, h.value.Reveal())
	}
}

// Secrets returns what must not be seen: all but headers that were written as they are
// and whose names tell of no secret.
func (c Credentials) Secrets() []String {
	list := []String{c.secret}
	for _, h := range c.headers {
		if !h.public {
			list = append(list, h.value)
		}
	}
	return list
}

// Format writes Mask, whatever the verb.
func (c Credentials) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Mask) }

// ErrNoColon says that what should be a header may be a value alone, and leaves it out.
var ErrNoColon = errors.New("expected NAME: VALUE")

// Headers reads headers that were written as "Name: value", the value being text,
// env:NAME or file:PATH. exposed are those whose names tell of a secret, and the value is
// text. An error never repeats a value.
func (s *Source) Headers(list []string) (c Credentials, exposed []string, err error) {
	for _, text := range list {
		name, value, ok := strings.Cut(text, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		h := credential{name: name, value: New(value)}
		switch {
		case !ok:
			return c, nil, ErrNoColon
		case c.Header()[http.CanonicalHeaderKey(name)] != nil:
			return c, nil, fmt.Errorf("duplicate header %s", name)
		case value != "-" && IsReference(value):
			if h.value, err = s.Resolve(value); err != nil {
				return c, nil, fmt.Errorf("%s: %w", name, err)
			}
		case Sensitive(name):
			exposed = append(exposed, name)
		default:
			h.public = true
		}
		if err := CheckHeader(name, h.value.Reveal()); err != nil {
			return c, nil, err
		}
		c.headers = append(c.headers, h)
	}
	return c, exposed, nil
}

// CheckHeader reports why name and value cannot be a header. It does not repeat the
// value.
func CheckHeader(name, value string) error {
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		return fmt.Errorf("invalid header name %q", name)
	case !httpguts.ValidHeaderFieldValue(value):
		return fmt.Errorf("invalid value of header %s: it contains a line break or another character that is not allowed", name)
	}
	return nil
}

// Sensitive reports whether a header's name says that its value is a secret.
func Sensitive(name string) bool {
	words := []string{"authorization", "cookie", "token", "secret", "key", "password", "signature"}
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(strings.ToLower(name), word) })
}

// MaskHeader returns the header of a callback as it may be kept: without the values of
// headers whose names are in proof or tell of a secret, and without those that repeat
// what one of proof has.
func MaskHeader(header, proof http.Header) http.Header {
	masked := make(http.Header, len(header))
	for name, values := range header {
		_, hide := proof[name]
		for other := range proof {
			token := withoutScheme(header.Get(other))
			hide = hide || len(token) >= shortest && strings.Contains(strings.Join(values, "\n"), token)
		}
		if hide || Sensitive(name) {
			values = []string{Mask}
		}
		masked[name] = values
	}
	return masked
}
