package network

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// Target is an endpoint of the user, and how far it is trusted.
type Target struct {
	URL         string              // "": endpoints that are not known yet
	Unverified  bool                // certificates are not verified
	Authorities []*x509.Certificate // trusted beside those of the system
}

// Transport returns a transport for the target. What could be read on the network, plain
// http and TLS without a verified certificate, goes to this machine and private addresses
// only, and to no proxy: the address is known when the connection is made.
func (t Target) Transport(getenv func(string) string) *http.Transport {
	transport := Transport(getenv)
	if u, err := url.Parse(t.URL); t.Unverified || err == nil && u.Scheme == "http" {
		transport.Proxy = nil
		transport.DialContext = dialer(func(_, address string, _ syscall.RawConn) error {
			if to, err := netip.ParseAddrPort(address); err != nil || !isPrivate(to.Addr()) {
				return &net.AddrError{Err: "not on this machine or a private network", Addr: address}
			}
			return nil
		})
	}
	if t.Unverified || len(t.Authorities) > 0 {
		// Without it an own TLS configuration would turn HTTP/2 off.
		transport.ForceAttemptHTTP2 = true
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: t.Unverified, RootCAs: Roots(t.Authorities)}
	}
	return transport
}

// Roots returns the system's authorities and others; nil, the system's, without others.
func Roots(others []*x509.Certificate) *x509.CertPool {
	if len(others) == 0 {
		return nil
	}
	system, _ := x509.SystemCertPool() // nil: there are none
	return Pool(system, others)
}

// dialer returns how a connection is made, after control, which may be nil, has seen its
// address. The names below localhost are this machine's, whatever DNS says.
func dialer(control func(network, address string, _ syscall.RawConn) error) func(ctx context.Context, network, address string) (net.Conn, error) {
	dial := (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, Control: control}).DialContext
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil || !belowLocalhost(host) {
			return dial(ctx, network, address)
		}
		var first error
		for _, loopback := range loopbacks {
			c, err := dial(ctx, network, net.JoinHostPort(loopback.String(), port))
			if err == nil {
				return c, nil
			}
			if first == nil {
				first = err
			}
		}
		return nil, first
	}
}

var loopbacks = []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()}

// LookupHost returns the addresses of a host to which Transport connects.
func LookupHost(ctx context.Context, host string) ([]netip.Addr, error) {
	if belowLocalhost(host) {
		return loopbacks, nil
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}
