package tunnel_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/tunnel"
)

func ngrokWith(change func(*tunnel.Ngrok)) tunnel.Config {
	n := &tunnel.Ngrok{Authtoken: secret.New(token)}
	change(n)
	return tunnel.Config{Ngrok: n}
}

func ingress(publicURL, addr, cert, key string) tunnel.Config {
	return tunnel.Config{Ingress: &tunnel.Ingress{PublicURL: publicURL, Addr: addr, TLSCert: cert, TLSKey: key}}
}

func domain(d string) tunnel.Config {
	return ngrokWith(func(n *tunnel.Ngrok) { n.Domain = d })
}

func connectTo(addr string) tunnel.Config {
	return ngrokWith(func(n *tunnel.Ngrok) { n.ConnectURL = addr })
}

func TestABadConfigurationIsRefusedBeforeAnythingIsOpened(t *testing.T) {
	const usual = "configure exactly one of ngrok, an ingress and a loopback endpoint"
	for _, tc := range []struct {
		name   string
		config tunnel.Config
		want   string
	}{
		{"nothing", tunnel.Config{}, usual},
		{"two kinds", tunnel.Config{Loopback: true, Ingress: &tunnel.Ingress{}}, usual},
		{"prefix without slash", tunnel.Config{Loopback: true, PathPrefix: "/narada"}, `"/narada" is not a path prefix`},
		{"prefix with a quote", tunnel.Config{Loopback: true, PathPrefix: "/a'b/"}, `"/a'b/" is not a path prefix`},
		{"no authtoken", ngrokWith(func(n *tunnel.Ngrok) { n.Authtoken = secret.String{} }), "no ngrok authtoken"},
		{"http domain", domain("http://x.ngrok.app"), `"http://x.ngrok.app" is not an ngrok domain`},
		{"domain with a path", domain("x.ngrok.app/a"), `"x.ngrok.app/a" is not an ngrok domain`},
		{"wildcard domain", domain("*.ngrok.app"), `"*.ngrok.app" is not an ngrok domain`},
		{"domain with a user", domain("me@x.ngrok.app"), `"me@x.ngrok.app" is not an ngrok domain`},
		{"scheme only", domain("https://"), `"https://" is not an ngrok domain`},
		{"connect address with a scheme", connectTo("https://connect.example.com:443"), `"https://connect.example.com:443" is not an ngrok connect address`},
		{"connect address without a port", connectTo("connect.example.com"), `"connect.example.com" is not an ngrok connect address`},
		{"connect address without a host", connectTo(":443"), `":443" is not an ngrok connect address`},
		{"connect address with port 0", connectTo("a:0"), `"a:0" is not an ngrok connect address`},
		{"ingress without an address", ingress("https://example.com", "", "", ""), "an ingress requires an address to listen on"},
		{"address without a port", ingress("https://example.com", "localhost", "", ""), `"localhost" is not an address to listen on`},
		{"certificate without a key", ingress("", ":1", "c", ""), "a TLS certificate requires its key, and the key its certificate"},
		{"key without a certificate", ingress("", ":1", "", "k"), "a TLS certificate requires its key, and the key its certificate"},
		{"plain on every address", ingress("https://example.com", ":8080", "", ""), "plain http is allowed on loopback only"},
		{"plain on every IPv4 address", ingress("https://example.com", "0.0.0.0:8080", "", ""), "plain http is allowed on loopback only"},
		{"plain on every IPv6 address", ingress("https://example.com", "[::]:8080", "", ""), "plain http is allowed on loopback only"},
		{"plain on a name", ingress("https://example.com", "example.com:8080", "", ""), "plain http is allowed on loopback only"},
		{"plain without a public URL", ingress("", "127.0.0.1:8080", "", ""), "an ingress without a certificate requires its public URL"},
		{"public URL over http", ingress("http://example.com", "127.0.0.1:1", "", ""), "a public URL must be https"},
		{"public URL of another kind", ingress("ftp://localhost", "127.0.0.1:1", "", ""), "a public URL must be https"},
		{"public URL without a host", ingress("https:///x", "127.0.0.1:1", "", ""), `"https:///x" is not a public URL`},
		{"public URL with a query", ingress("https://example.com/?a=1", "127.0.0.1:1", "", ""), "a public URL cannot have a query or fragment"},
		{"public URL with a fragment", ingress("https://example.com/#", "127.0.0.1:1", "", ""), "a public URL cannot have a query or fragment"},
		{"public URL with a password", ingress("https://me:hunter2@example.com", "127.0.0.1:1", "", ""), "a public URL cannot have a user name or password"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := tunnel.Open(t.Context(), tc.config)
			var usage *tunnel.UsageError
			if !errors.As(err, &usage) {
				t.Fatalf("error is %#v, want a *tunnel.UsageError", err)
			}
			if !strings.HasPrefix(usage.Error(), tc.want) || usage.Hint() == "" || strings.Contains(usage.Error(), "hunter2") {
				t.Errorf("got %q, hint %q", usage.Error(), usage.Hint())
			}
		})
	}
}

func TestAGoodConfigurationIsNotRefused(t *testing.T) {
	for _, c := range []tunnel.Config{
		{Loopback: true},
		{Loopback: true, PathPrefix: "/"},
		{Loopback: true, PathPrefix: "/narada/v1.0~x_-/"},
		domain("x.ngrok.app"),
		domain("https://x.ngrok.app/"),
		domain("127.0.0.1:4443"),
		connectTo("connect.example.com:443"),
		connectTo("[::1]:443"),
		ingress("https://example.com/hooks", "localhost:8080", "", ""),
		ingress("https://example.com", "[::1]:8080", "", ""),
		ingress("http://127.0.0.1:8080", "127.1.2.3:8080", "", ""),
		ingress("", ":443", "c", "k"),
		ingress("https://example.com", "0.0.0.0:443", "c", "k"),
	} {
		if err := c.Check(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
