package contract

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/network"
)

func TestALocalEndpointIsCheckedOverPlainHTTP(t *testing.T) {
	e := newEndpoint()
	e.tls = nil
	e.options.AllowHTTP = true
	e.start(t)
	e.options.URL = e.server.URL + path
	e.options.Transport = nil
	findings := e.run(t.Context(), t)
	want := all(Pass, map[Verdict][]string{
		Skip: {"https", "public-address", "tls-version", "certificate-host", "certificate-dates", "certificate-chain", "certificate-trusted"},
	})
	if diff := cmp.Diff(want, verdicts(findings)); diff != "" {
		t.Errorf("%s\n%+v", diff, findings)
	}
}

func TestALocalEndpointThatIsNotRunningFails(t *testing.T) {
	e := newEndpoint()
	e.tls = nil
	e.options.AllowHTTP = true
	e.options.URL = "http://127.0.0.1" + path
	e.options.Transport = func() *http.Transport {
		return &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no") }}
	}
	got := verdicts(e.check(t))
	if got["name"] != Pass || got["connects"] != Fail || got["proof"] != Skip {
		t.Errorf("%v", got)
	}
}

func TestURLsThatCannotBeCheckedAreErrors(t *testing.T) {
	for address, usable := range map[string]bool{
		"https://hook.example/unguessable": true, "https://münchen.example/unguessable": true, "https://[2606:2800::1]:8443/unguessable": true,
		"": false, "hook.example/unguessable": false, "ftp://hook.example/unguessable": false, "https:///unguessable": false,
		"https://user:passw0rd@hook.example/": false, "https://hook.example/%zzunguessable": false, "https://\u00ad/unguessable": false,
	} {
		_, err := New(Options{URL: address})
		_, wrong := errors.AsType[*network.AddressError](err)
		if (err == nil) != usable || wrong == usable || err != nil && strings.Contains(err.Error(), "passw0rd") {
			t.Errorf("%q: %v", address, err)
		}
	}
	_, err := New(Options{URL: "http://hook.example/", AllowHTTP: true})
	if _, ok := errors.AsType[*network.AddressError](err); !ok {
		t.Errorf("plain http to another machine: %v", err)
	}
	if _, err := New(Options{URL: "http://hook:3000/", AllowHTTP: true}); err != nil {
		t.Errorf("plain http to a container: %v", err)
	}
	if _, err := New(Options{URL: "https://hook.example/", Random: strings.NewReader("short")}); err == nil {
		t.Error("no error without randomness")
	}
}

func TestPublicAddressesAreRecognised(t *testing.T) {
	for address, public := range map[string]bool{
		"93.184.215.14": true, "1.1.1.1": true, "100.63.255.255": true, "100.128.0.1": true, "172.32.0.1": true,
		"2606:4700:4700::1111": true, "64:ff9b::1.1.1.1": true, "::ffff:1.1.1.1": true,
		"127.0.0.1": false, "::1": false, "10.0.0.1": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "100.127.255.255": false, "0.0.0.0": false, "0.1.2.3": false, "::": false, "224.0.0.1": false, "ff02::1": false,
		"192.0.2.1": false, "198.51.100.1": false, "203.0.113.1": false, "198.19.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"fd00::1": false, "fe80::1%eth0": false, "fec0::1": false, "2001:db8::1": false, "3fff::1": false, "100::1": false, "2001::1": false,
		"::ffff:127.0.0.1": false, "64:ff9b::10.0.0.1": false, "64:ff9b:1::1": false,
	} {
		if kind := notPublic(netip.MustParseAddr(address)); (kind == "") != public {
			t.Errorf("%s is %q", address, kind)
		}
	}
}
