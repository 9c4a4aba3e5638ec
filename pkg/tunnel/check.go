package tunnel

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Check returns what is wrong with c as far as that can be said without opening
// anything, as a *UsageError, or nil.
func (c Config) Check() error {
	kinds := 0
	for _, set := range []bool{c.Ngrok != nil, c.Ingress != nil, c.Loopback} {
		if set {
			kinds++
		}
	}
	if kinds != 1 {
		return &UsageError{
			message: "an endpoint is either ngrok's, one's own ingress or local: exactly one of them",
			hint:    "give an ngrok authtoken, or a public URL and an address, or neither",
		}
	}
	// The prefix becomes part of an expression in ngrok's traffic policy.
	if !regexp.MustCompile(`^(/([A-Za-z0-9._~-]+/)*)?$`).MatchString(c.PathPrefix) {
		return &UsageError{
			message: "invalid path prefix " + strconv.Quote(c.PathPrefix),
			hint:    "it starts and ends with a slash and has letters, digits and ._~- between slashes",
		}
	}
	var wrong *UsageError
	switch {
	case c.Ngrok != nil:
		wrong = c.Ngrok.check()
	case c.Ingress != nil:
		wrong = c.Ingress.check()
	}
	if wrong != nil {
		return wrong
	}
	return nil
}

func (n *Ngrok) check() *UsageError {
	if strings.TrimSpace(n.Authtoken.Reveal()) == "" {
		return &UsageError{
			message: "there is no ngrok authtoken",
			hint:    "get one at https://dashboard.ngrok.com/get-started/your-authtoken and set NGROK_AUTHTOKEN",
		}
	}
	if n.Domain != "" {
		if wrong := checkDomain(n.Domain); wrong != nil {
			return wrong
		}
	}
	if n.ConnectURL != "" && !isHostPort(n.ConnectURL) {
		return &UsageError{
			message: "invalid ngrok connect address " + strconv.Quote(n.ConnectURL),
			hint:    "write host:port, without a scheme, such as " + connectAddr,
		}
	}
	return nil
}

func checkDomain(domain string) *UsageError {
	hint := "write a host name such as example.ngrok.app, or https://example.ngrok.app"
	u, err := url.Parse(domainURL(domain))
	if err != nil || strings.Contains(u.Host, ":") && !isHostPort(u.Host) {
		return &UsageError{message: "invalid ngrok domain " + strconv.Quote(domain), hint: hint}
	}
	host := u.Hostname()
	plain := u.User == nil && u.Path == "" && u.RawQuery == "" && u.Fragment == "" && !u.ForceQuery
	if host == "" || !plain || strings.ContainsAny(host, "* '\"") {
		return &UsageError{message: "invalid ngrok domain " + strconv.Quote(domain), hint: hint}
	}
	return nil
}

// isHostPort reports whether s is "host:port" with both parts there and a port
// one can connect to.
func isHostPort(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil || host == "" || strings.ContainsAny(host, "/@ ") {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// isLoopback reports whether host, a name or an address, is certain to be this
// machine.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
