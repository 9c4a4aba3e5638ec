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
			message: "invalid path prefix " + strconv.Quote(c.PathPrefix),
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
			hint:    "get one at https://dashboard.ngrok.com/get-started/your-authtoken and set NGROK_AUTHTOKEN",
		}
	}
	if n.Domain != "" {
		if err := checkDomain(n.Domain); err != nil {
			return err
		}
	}
	if n.ConnectURL != "" && !isHostPort(n.ConnectURL) {
		return &UsageError{
			message: "invalid ngrok connect address " + strconv.Quote(n.ConnectURL),
			hint:    "specify HOST:PORT without a scheme, such as " + connectAddr,
		}
	}
	return nil
}

func checkDomain(domain string) error {
	u, err := url.Parse(domainURL(domain))
	if err == nil && (!strings.Contains(u.Host, ":") || isHostPort(u.Host)) {
		host := u.Hostname()
		plain := u.User == nil && u.Path == "" && u.RawQuery == "" && u.Fragment == "" && !u.ForceQuery
		if host != "" && plain && !strings.ContainsAny(host, "* '\"") {
			return nil
		}
	}
	return &UsageError{
		message: "invalid ngrok domain " + strconv.Quote(domain),
		hint:    "specify a host name such as example.ngrok.app, or https://example.ngrok.app",
	}
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
