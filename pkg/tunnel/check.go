package tunnel

import (
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Check validates c without opening anything. The error is a *UsageError.
func (c Config) Check() error {
	kinds := 0
	for _, set := range []bool{c.Ngrok != nil, c.Ingress != nil, c.Loopback} {
		if set {
			kinds++
		}
	}
	if kinds != 1 {
		return &UsageError{
			message: "configure exactly one of ngrok, an ingress and a loopback endpoint",
			hint:    "specify an ngrok authtoken, or a public URL and an address, or neither",
		}
	}
	// The prefix becomes part of an expression in ngrok's traffic policy.
	if !regexp.MustCompile(`^(/([A-Za-z0-9._~-]+/)*)?$`).MatchString(c.PathPrefix) {
		return &UsageError{
			message: strconv.Quote(c.PathPrefix) + " is not a path prefix",
			hint:    "it must start and end with a slash, and have letters, digits and ._~- between slashes",
		}
	}
	switch {
	case c.Ngrok != nil:
		return c.Ngrok.check()
	case c.Ingress != nil:
		return c.Ingress.check()
	}
	return nil
}

func (n *Ngrok) check() error {
	if strings.TrimSpace(n.Authtoken.Reveal()) == "" {
		return &UsageError{
			message: "no ngrok authtoken",
			hint:    "get one at " + tokens + " and set NGROK_AUTHTOKEN",
		}
	}
	if n.Domain != "" && !isDomain(n.Domain) {
		return &UsageError{
			message: strconv.Quote(n.Domain) + " is not an ngrok domain",
			hint:    "specify a host name such as example.ngrok.app, or https://example.ngrok.app",
		}
	}
	if n.ConnectURL != "" && !isHostPort(n.ConnectURL) {
		return &UsageError{
			message: strconv.Quote(n.ConnectURL) + " is not an ngrok connect address",
			hint:    "specify HOST:PORT without a scheme, such as " + connectAddr,
		}
	}
	return nil
}

// isDomain reports whether domain is a host, possibly with a port or https:// before it.
func isDomain(domain string) bool {
	u, err := url.Parse(domainURL(domain))
	if err != nil || strings.Contains(u.Host, ":") && !isHostPort(u.Host) {
		return false
	}
	plain := u.User == nil && u.Path == "" && u.RawQuery == "" && u.Fragment == "" && !u.ForceQuery
	return plain && u.Hostname() != "" && !strings.ContainsAny(u.Hostname(), "* '\"")
}

// isHostPort reports whether s is "host:port", with a port to connect to.
func isHostPort(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil || host == "" || strings.ContainsAny(host, "/@ ") {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}
