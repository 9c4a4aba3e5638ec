package secret

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/narada-cli/narada/pkg/textfile"
)

// Credentials are the secret and the headers that prove a callback genuine. They print as
// Mask; only Secret, Header and Apply return the values. To verify a callback or to get
// their digest, make a webhook.Ticket of them.
type Credentials struct {
	secret  String
	headers []credential
}

// credential is a header.
type credential struct {
	name   string
	value  String
	public bool // a literal value, and a name that does not suggest a secret
}

// NewCredentials returns credentials with a secret, which may be empty, and headers.
func NewCredentials(callbackSecret String, header http.Header) Credentials {
	c := Credentials{secret: callbackSecret}
	for name := range header {
		c.headers = append(c.headers, credential{name: name, value: New(header.Get(name))})
	}
	return c
}

// Or returns the credentials with the secret or the headers of other where c has none.
func (c Credentials) Or(other Credentials) Credentials {
	if c.secret.Empty() {
		c.secret = other.secret
	}
	if len(c.headers) == 0 {
		c.headers = other.headers
	}
	return c
}

// Secret returns the secret of the body, which may be empty.
func (c Credentials) Secret() String { return c.secret }

// Header returns the headers.
func (c Credentials) Header() http.Header {
	header := http.Header{}
	c.Apply(header.Set)
	return header
}

// Apply calls set for each header, with the name as written.
func (c Credentials) Apply(set func(name, value string)) {
	for _, h := range c.headers {
		set(h.name, h.value.Reveal())
	}
}

// Secrets returns the values to mask: all except literal headers whose names do not suggest
// a secret.
func (c Credentials) Secrets() []String {
	list := []String{c.secret}
	for _, h := range c.headers {
		if !h.public {
			list = append(list, h.value)
		}
	}
	return list
}

// Format implements fmt.Formatter: it writes Mask.
func (c Credentials) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Mask) }

// ErrNoColon is the error of a header without a name. It omits the text, which may be a
// secret.
var ErrNoColon = errors.New("expected NAME: VALUE")

// Headers reads headers of the form "Name: value", where value is text, env:NAME or
// file:PATH. exposed are the names that suggest a secret with a literal value. Errors never
// contain a value.
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
			if h.value, err = s.Resolve(name, value); err != nil {
				return c, nil, fmt.Errorf("%s: %w", name, err)
			}
		case sensitive(name):
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

// CheckHeader returns an error, without the value, if name and value cannot be a header.
func CheckHeader(name, value string) error {
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		return fmt.Errorf("%q is not a header name", name)
	case !httpguts.ValidHeaderFieldValue(value), textfile.Check(value) != nil:
		return fmt.Errorf("the value of header %s contains a line break or another character that is not allowed", name)
	}
	return nil
}

// sensitive reports whether a header's name suggests that its value is a secret.
func sensitive(name string) bool {
	words := []string{"authorization", "cookie", "token", "secret", "key", "password", "signature"}
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(strings.ToLower(name), word) })
}

// MaskHeader returns the header of a callback for storage: it masks headers whose names are
// in credentials or suggest a secret, and headers that contain a value of credentials. mask
// is applied to the other values.
func MaskHeader(header, credentials http.Header, mask func(string) string) http.Header {
	return maskHeader(header, mask, func(name string, values []string) bool {
		_, hide := credentials[name]
		for other := range credentials {
			token := withoutScheme(header.Get(other))
			hide = hide || len(token) >= shortest && strings.Contains(strings.Join(values, "\n"), token)
		}
		return hide || sensitive(name)
	})
}

// harmless are the headers of a refused callback that are stored with their values.
var harmless = []string{
	"Accept", "Accept-Encoding", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Date", "Host", "Traceparent", "User-Agent", "Via",
	"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-Id",
}

// MaskRefusedHeader is MaskHeader for a callback that was refused, which may come from
// another system with secrets of its own: only values of well-known headers, and of those that
// begin with Narada-, are stored.
func MaskRefusedHeader(header, credentials http.Header, mask func(string) string) http.Header {
	header = MaskHeader(header, credentials, mask)
	return maskHeader(header, mask, func(name string, _ []string) bool {
		return !slices.Contains(harmless, name) && !strings.HasPrefix(name, "Narada-")
	})
}

// maskHeader returns the header with Mask for the values to hide, and with mask applied to
// the others.
func maskHeader(header http.Header, mask func(string) string, hide func(name string, values []string) bool) http.Header {
	masked := make(http.Header, len(header))
	for name, values := range header {
		if hide(name, values) {
			masked[name] = []string{Mask}
			continue
		}
		for _, value := range values {
			masked[name] = append(masked[name], mask(value))
		}
	}
	return masked
}
