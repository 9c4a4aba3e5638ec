package tunnel_test

import (
	"io"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http/httpproxy"

	"github.com/narada-cli/narada/pkg/tunnel"
	"github.com/narada-cli/narada/pkg/tunnel/ngroktest"
)

// proxyFunc chooses a proxy as from HTTPS_PROXY and NO_PROXY. The library behind it
// never uses a proxy for this machine, so the address is replaced by another name;
// none is the value of NO_PROXY for that name.
func proxyFunc(proxy, none string) func(*url.URL) (*url.URL, error) {
	choose := (&httpproxy.Config{HTTPSProxy: proxy, NoProxy: none}).ProxyFunc()
	return func(u *url.URL) (*url.URL, error) {
		named := *u
		named.Host = "example.com:" + u.Port()
		return choose(&named)
	}
}

func TestTheConnectionGoesThroughTheProxyUnlessItIsExcluded(t *testing.T) {
	edge := newEdge(t, ngroktest.Options{})
	proxy, err := ngroktest.NewProxy(url.UserPassword("me", "pass"))
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	proxied := config(edge)
	proxied.Ngrok.Proxy = proxyFunc(proxy.URL().String(), "")
	ep := open(t, proxied)
	serve(t, ep)
	if status, _ := post(t, edge.Client(), ep.URL().String()+"/narada/", "x"); status != 200 {
		t.Errorf("answers %d", status)
	}
	direct := config(edge)
	direct.Ngrok.Proxy = proxyFunc(proxy.URL().String(), "example.com")
	open(t, direct)
	if diff := cmp.Diff([]string{edge.ConnectURL()}, proxy.Connects()); diff != "" {
		t.Errorf("connections through the proxy (-want +got):\n%s", diff)
	}

	wrong := config(edge)
	via := *proxy.URL()
	via.User = url.UserPassword("me", "otherpass")
	wrong.Ngrok.Proxy = proxyFunc(via.String(), "")
	_, err = tunnel.Open(soon(t), wrong)
	e := asError(t, err)
	want := "cannot reach ngrok (" + edge.ConnectURL() + "): proxy http://" + via.Host + ": it answered 407 Proxy Authentication Required"
	if diff := cmp.Diff(want, e.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheConnectionGoesThroughASocksProxy(t *testing.T) {
	edge := newEdge(t, ngroktest.Options{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		socks(ln, edge.ConnectURL(), asked)
	}()
	c := config(edge)
	c.Ngrok.Proxy = func(*url.URL) (*url.URL, error) {
		return &url.URL{Scheme: "socks5", Host: ln.Addr().String()}, nil
	}
	ep := open(t, c)
	if got := <-asked; got != "\x05\x01\x00\x01\x7f\x00\x00\x01" {
		t.Errorf("asked for %q", got)
	}
	if err := ep.Close(soon(t)); err != nil {
		t.Error(err)
	}
	_ = ln.Close()
	<-ended
}

// socks serves one connection of SOCKS version 5 (RFC 1928) and connects it to
// target.
func socks(ln net.Listener, target string, asked chan<- string) {
	conn, err := ln.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	greeting, request := make([]byte, 3), make([]byte, 10)
	if _, err := io.ReadFull(conn, greeting); err != nil {
		return
	}
	_, _ = conn.Write([]byte{5, 0})
	if _, err := io.ReadFull(conn, request); err != nil {
		return
	}
	asked <- string(request[:8]) // without the port
	up, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	_, _ = conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	back := make(chan struct{})
	go func() {
		defer close(back)
		_, _ = io.Copy(conn, up)
		_ = conn.Close()
	}()
	_, _ = io.Copy(up, conn)
	_ = up.Close()
	<-back
}

func TestAnUnreachableProxyIsNamedWithoutItsPassword(t *testing.T) {
	edge := newEdge(t, ngroktest.Options{})
	for _, scheme := range []string{"http", "gopher"} {
		via := &url.URL{Scheme: scheme, User: url.UserPassword("me", "hunter2"), Host: address(t)}
		c := config(edge)
		c.Ngrok.Proxy = func(*url.URL) (*url.URL, error) { return via, nil }
		_, err := tunnel.Open(soon(t), c)
		e := asError(t, err)
		want := "cannot reach ngrok (" + edge.ConnectURL() + "): proxy " + scheme + "://" + via.Host + ": "
		if !strings.HasPrefix(e.Error(), want) || strings.Contains(e.Error(), "hunter2") {
			t.Errorf("got %q, want %q...", e.Error(), want)
		}
	}
}
