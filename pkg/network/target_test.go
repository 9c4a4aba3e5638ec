package network

import (
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func TestNamesBelowLocalhostAreThisMachine(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	proxied := func(string) string { return "http://127.0.0.1:1" } // a proxy that nothing may use
	for _, host := range []string{"localhost", "app.localhost", "a.b.LOCALHOST."} {
		transport := Transport(proxied)
		resp, err := (&http.Client{Transport: transport}).Get("http://" + net.JoinHostPort(host, port))
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		resp.Body.Close()
		transport.CloseIdleConnections()
		addresses, err := LookupHost(t.Context(), host)
		if err != nil || len(addresses) != 2 || !addresses[0].IsLoopback() || !addresses[1].IsLoopback() {
			t.Errorf("%s: %v, %v", host, addresses, err)
		}
	}
}

func TestAnIPv6ServerIsFoundBelowLocalhost(t *testing.T) {
	l, err := net.ListenTCP("tcp6", net.TCPAddrFromAddrPort(netip.MustParseAddrPort("[::1]:0")))
	if err != nil {
		t.Skip("no IPv6 loopback: ", err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := dialer(nil)(t.Context(), "tcp", "app.localhost:"+port)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// A connection that others can read is made to a private address only, whatever DNS says of
// the name, and never through a proxy.
func TestUnverifiedConnectionsArePrivate(t *testing.T) {
	proxied := func(string) string { return "http://127.0.0.1:1" }
	for _, target := range []Target{{URL: "https://hook.example", Unverified: true}, {URL: "http://hook.test"}, {Unverified: true}} {
		transport := target.Transport(proxied)
		if transport.Proxy != nil {
			t.Errorf("%+v: a proxy may read it", target)
		}
		_, err := transport.DialContext(t.Context(), "tcp", "192.0.2.1:443")
		if err == nil || !strings.Contains(err.Error(), "not on this machine or a private network") {
			t.Errorf("%+v: %v", target, err)
		}
	}
	if (Target{URL: "https://hook.example"}).Transport(proxied).Proxy == nil {
		t.Error("a verified connection uses no proxy")
	}
}

func TestCertificatesAreVerifiedByTheGivenAuthority(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	get := func(target Target) error {
		target.URL = server.URL
		transport := target.Transport(func(string) string { return "" })
		defer transport.CloseIdleConnections()
		u, err := url.Parse(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := transport.RoundTrip(&http.Request{URL: u, Header: http.Header{}})
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	if err := get(Target{}); err == nil {
		t.Error("an unknown authority was accepted")
	}
	if err := get(Target{Authorities: []*x509.Certificate{server.Certificate()}}); err != nil {
		t.Error(err)
	}
	if err := get(Target{Unverified: true}); err != nil {
		t.Error(err)
	}
}
