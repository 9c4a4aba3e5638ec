// Package network makes the HTTP transport of all calls: with the proxies that the
// environment names, and with a log of the calls.
//
// The package is private to narada.
package network

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"

	"github.com/narada-cli/narada/pkg/narada"
)

// Transport returns a new transport with the proxies of the environment.
func Transport(getenv func(string) string) *http.Transport {
	t := narada.NewTransport()
	find := Proxy(getenv)
	t.Proxy = func(r *http.Request) (*url.URL, error) { return find(r.URL) }
	t.DialContext = dialer(nil)
	t.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
		if resp.StatusCode != http.StatusOK {
			return &ProxyError{resp.StatusCode}
		}
		return nil
	}
	return t
}

// ProxyError is the answer of a proxy that does not connect.
type ProxyError struct{ StatusCode int }

func (e *ProxyError) Error() string {
	return fmt.Sprintf("the proxy answered %d %s", e.StatusCode, http.StatusText(e.StatusCode))
}

// ProxyStatus returns the status of the answer.
func (e *ProxyError) ProxyStatus() int { return e.StatusCode }

// ProxyAddresses returns the addresses of proxies in the environment.
func ProxyAddresses(getenv func(string) string) (list []string) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
		list = append(list, getenv(name), getenv(strings.ToLower(name)))
	}
	return list
}

// Proxy returns a function that finds the proxy for an address in HTTPS_PROXY, HTTP_PROXY
// and NO_PROXY, in capitals or lower case. That is nil where no proxy is used, as for this
// machine.
func Proxy(getenv func(string) string) func(*url.URL) (*url.URL, error) {
	env := func(name string) string { return cmp.Or(getenv(name), getenv(strings.ToLower(name))) }
	c := httpproxy.Config{HTTPProxy: env("HTTP_PROXY"), HTTPSProxy: env("HTTPS_PROXY"), NoProxy: env("NO_PROXY")}
	find := c.ProxyFunc()
	return func(u *url.URL) (*url.URL, error) {
		if IsLoopback(u.Hostname()) {
			return nil, nil
		}
		return find(u)
	}
}

// Log takes a record of a call.
type Log func(event, text string, attrs ...slog.Attr)

// Logged returns a transport that logs which calls are made and how they end. It does not
// log queries, headers and bodies, where the secrets are.
func Logged(next http.RoundTripper, log Log) http.RoundTripper { return &logged{next, log} }

type logged struct {
	next http.RoundTripper
	log  Log
}

// RoundTrip implements http.RoundTripper.
func (t *logged) RoundTrip(r *http.Request) (*http.Response, error) {
	start := time.Now()
	// A presigned URL has its signature in the query.
	bare := *r.URL
	bare.RawQuery = ""
	t.log("request", fmt.Sprintf("> %s %s", r.Method, bare.Redacted()))
	resp, err := t.next.RoundTrip(r)
	elapsed := time.Since(start).Round(time.Millisecond)
	if err != nil {
		t.log("response", fmt.Sprintf("< %s %s: %v (%s)", r.Method, r.URL.Path, err, elapsed))
		return nil, err
	}
	t.log("response", fmt.Sprintf("< %s %s: %s (%s)", r.Method, r.URL.Path, resp.Status, elapsed), slog.Any("status", resp.StatusCode))
	return resp, nil
}

// ErrorText words a failed call: its host and the cause, without the whole address.
func ErrorText(failure *url.Error) string {
	host := failure.URL
	if u, err := url.Parse(failure.URL); err == nil {
		host = u.Host
	}
	switch {
	case failure.Timeout():
		return host + " did not answer in time"
	case errors.Is(failure.Err, io.EOF):
		return host + " closed the connection without an answer"
	}
	return "cannot reach " + host + ": " + failure.Err.Error()
}
