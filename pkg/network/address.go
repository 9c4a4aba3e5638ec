package network

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/textfile"
)

// IsLoopback reports whether host, without a port, is this machine: localhost, a name below
// it (RFC 6761) or a loopback address. Transport connects to such a name without DNS.
func IsLoopback(host string) bool { return narada.IsLoopback(host) || belowLocalhost(host) }

func belowLocalhost(host string) bool {
	host = canonical(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// localNames match host names that public DNS does not have: those of containers, which are
// a single label, and below the names that are reserved for tests and private networks.
var localNames = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[^.]*[^.0-9][^.]*$|.\.(test|internal|local|home\.arpa)$`)
})

// IsLocal reports whether host, without a port, is this machine, a private address, or a
// name that public DNS does not have.
func IsLocal(host string) bool {
	if address, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return isPrivate(address)
	}
	return IsLoopback(host) || localNames().MatchString(canonical(host))
}

// isPrivate reports whether an address is of this machine or of a private network.
func isPrivate(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast()
}

func canonical(host string) string { return strings.TrimSuffix(strings.ToLower(host), ".") }

// AddressError says what is wrong with the address of an endpoint.
type AddressError struct {
	Text string
	Next string // hint, or ""
}

func (e *AddressError) Error() string { return e.Text }

// Hint says what to write instead.
func (e *AddressError) Hint() string { return e.Next }

// ParseURL parses the URL of an endpoint: http or https, with a host, and with no user name
// and no fragment. Its error is an *AddressError, which shows no secret.
func ParseURL(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		return nil, withoutScheme(text)
	}
	u, err := url.Parse(text)
	why, hint := textFault(text)
	if why == "" {
		why, hint = urlFault(text, u, err)
	}
	if why != "" {
		return nil, &AddressError{fmt.Sprintf("%q ", masked(text)) + why, hint}
	}
	return u, nil
}

// textFault says what is wrong with the characters of a URL, and what to do.
func textFault(text string) (why, hint string) {
	switch {
	case strings.Contains(text, secret.Mask):
		return "is not the whole URL: its secret is masked", "write the secret in place of " + secret.Mask
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return "contains a space or a control character", "write a space as %20"
	case textfile.Check(text) != nil:
		return "is not UTF-8 text", ""
	}
	return "", ""
}

// urlFault says what is wrong with a URL, and what to do. u and failure are those of
// url.Parse.
func urlFault(text string, u *url.URL, failure error) (why, hint string) {
	scheme, rest, _ := strings.Cut(text, "://")
	port := portOf().FindStringSubmatch(rest)
	switch {
	case !isHTTP(scheme):
		return "does not begin with https:// or http://", masked("https://" + rest)
	case failure == nil && u.User != nil:
		return "contains a user name", "send credentials in a header"
	case rest == "" || strings.ContainsAny(rest[:1], ":/?#"):
		return "has no host", "write it as " + scheme + "://HOST/PATH"
	case port != nil && !isPort(port[1]):
		return fmt.Sprintf("has the port %s, which is not a number from 1 to 65535", port[1]), ""
	case failure != nil || u.Hostname() == "":
		return "is not a URL", "write it as https://HOST/PATH"
	case strings.Contains(text, "#"):
		return "has a fragment", "remove what begins with #: it is not sent"
	}
	return "", ""
}

func isHTTP(scheme string) bool {
	return strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "http")
}

// portOf finds the port of a URL without its scheme.
var portOf = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:[^/?#@]*@)?(?:\[[^/?#]*\]|[^/?#:\[]*):([^/?#]+)(?:[/?#]|$)`)
})

// isPort reports whether text is a port.
func isPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && port > 0
}

// withoutScheme says what is missing in a text that is not a URL.
func withoutScheme(text string) error {
	wrong := func(hint, why string) error { return &AddressError{fmt.Sprintf("%q ", masked(text)) + why, hint} }
	if scheme, rest, ok := strings.Cut(text, ":"); ok && isHTTP(scheme) {
		return wrong(masked(scheme+"://"+strings.TrimLeft(rest, "/")), "has no // after "+scheme+":")
	}
	u, err := ParseURL("https://" + text)
	switch {
	case err != nil:
		return wrong("write it as https://HOST/PATH", "is not a URL")
	case IsLoopback(u.Hostname()) && u.Port() == "":
		return wrong("write it as "+u.Host+":PORT"+u.Path, "has no port")
	case IsLocal(u.Hostname()) && u.Port() == "" && u.Path == "":
		return wrong("write it as https://HOST/PATH", "is not a URL")
	case IsLocal(u.Hostname()):
		return wrong(masked("http://"+text), "has no scheme")
	}
	return wrong(masked("https://"+text), "has no scheme")
}

// masked is a text that may be a URL without its scheme, with its secrets masked.
func masked(text string) string {
	if strings.Contains(text, "://") {
		return secret.MaskURLs(text)
	}
	return strings.TrimPrefix(secret.MaskURLs("https://"+text), "https://")
}

// Expand returns the URL of an endpoint that a person writes: 3000, :3000/hook and
// localhost:3000/hook are http on this machine. It returns other texts unchanged.
func Expand(text string) string {
	port := strings.TrimPrefix(text, ":")
	if digits := len(port) - len(strings.TrimLeft(port, "0123456789")); digits > 0 && (digits == len(port) || strings.ContainsAny(port[digits:digits+1], "/?")) {
		return "http://localhost:" + port
	}
	if u, err := url.Parse("http://" + text); err == nil && !strings.Contains(text, "://") && IsLoopback(u.Hostname()) && u.Port() != "" {
		return "http://" + text
	}
	return text
}

// CheckPlain refuses plain http, except to this machine and, with allowed, to what is local.
// Its error is an *AddressError.
func CheckPlain(u *url.URL, allowed bool) error {
	if u.Scheme == "https" || IsLoopback(u.Hostname()) || allowed && IsLocal(u.Hostname()) {
		return nil
	}
	hint := "use https, or an address of this machine: over http the secret and the answer can be read on the network"
	if !allowed && IsLocal(u.Hostname()) {
		hint = "use https, or --allow-http for a container or a private network"
	}
	return &AddressError{fmt.Sprintf("%q is plain http", masked(u.String())), hint}
}
