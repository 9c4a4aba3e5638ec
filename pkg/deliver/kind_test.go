package deliver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// proxyRefusal is the answer of a proxy, as package network has it.
type proxyRefusal int

func (p proxyRefusal) Error() string    { return fmt.Sprint("the proxy answered ", int(p)) }
func (p proxyRefusal) ProxyStatus() int { return int(p) }

// through returns a transport with a proxy that answers with the status.
func through(status int) *http.Transport {
	return &http.Transport{DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return nil, proxyRefusal(status) }}
}

// failing returns a transport whose connections fail.
func failing(err error) *http.Transport {
	return &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}}
}

func secured(c *tls.Config) *http.Transport { return &http.Transport{TLSClientConfig: c} }

// The kind says whether a retry can help.
func TestTheKindOfAnAttemptTellsWhyItFailed(t *testing.T) {
	answer := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	}
	closed := httptest.NewServer(answer(200))
	closed.Close()
	status := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var code int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &code)
		w.WriteHeader(code)
	}))
	defer status.Close()
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer slow.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer broken.Close()
	secure := httptest.NewTLSServer(answer(200))
	defer secure.Close()
	trusted := x509.NewCertPool()
	trusted.AddCert(secure.Certificate())
	late := func() time.Time { return secure.Certificate().NotAfter.Add(time.Hour) }
	nameless := &net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: (&net.Dialer{Timeout: time.Nanosecond}).DialContext}}
	const always = 7 // attempts are allowed
	for name, test := range map[string]struct {
		url       string
		transport *http.Transport
		want      string
		attempts  int
	}{
		"temporary":             {status.URL + "/503", &http.Transport{}, "503", always},
		"too many":              {status.URL + "/429", &http.Transport{}, "429", always},
		"too slow":              {status.URL + "/408", &http.Transport{}, "408", always},
		"refused":               {status.URL + "/401", &http.Transport{}, "401", 1},
		"gone":                  {status.URL + "/410", &http.Transport{}, "410", 1},
		"redirected":            {status.URL + "/308", &http.Transport{}, "308", 1},
		"refused by a proxy":    {status.URL + "/407", &http.Transport{}, "407", 1},
		"unreachable":           {closed.URL, &http.Transport{}, "connection refused", always},
		"a slow one":            {slow.URL, &http.Transport{}, "no answer in time", always},
		"one that breaks":       {broken.URL, &http.Transport{}, "connection broken", always},
		"untrusted":             {secure.URL, &http.Transport{}, "bad certificate", 1},
		"of another host":       {secure.URL, secured(&tls.Config{RootCAs: trusted, ServerName: "other.test"}), "bad certificate", 1},
		"expired":               {secure.URL, secured(&tls.Config{RootCAs: trusted, Time: late}), "bad certificate", 1},
		"an old protocol":       {secure.URL, secured(&tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}), "no TLS", 5},
		"no TLS at all":         {"https" + status.URL[4:], &http.Transport{}, "no TLS", 1},
		"no name server":        {"http://nowhere.invalid/", &http.Transport{DialContext: nameless.DialContext}, "name not found", always},
		"no such name":          {"http://nowhere.invalid/", failing(&net.DNSError{Err: "no such host", IsNotFound: true}), "name not found", 5},
		"no such port":          {"http://127.0.0.1:99999/", &http.Transport{}, "not a valid request", 1},
		"a proxy wants a login": {"https://hook.test/", through(407), "refused by the proxy", 1},
		"a proxy is too busy":   {"https://hook.test/", through(503), "refused by the proxy", always},
		"another scheme":        {"ftp://hook.test/", &http.Transport{}, "not a valid request", 1},
		"no host":               {"https:///hook", &http.Transport{}, "not a valid request", 1},
		"a port only":           {"https://:443/hook", &http.Transport{}, "not a valid request", 1},
		"no URL":                {"https://hook.test:port/", &http.Transport{}, "not a valid request", 1},
	} {
		t.Run(name, func(t *testing.T) {
			defer test.transport.CloseIdleConnections()
			limit := time.Minute
			if test.url == slow.URL {
				limit = 50 * time.Millisecond
			}
			s := &Sender{Transport: test.transport, Timeout: limit, Attempts: always, FirstPause: time.Nanosecond, MaxPause: time.Nanosecond}
			last, _ := s.Send(t.Context(), Callback{URL: test.url})
			if got := last.Kind(); got != test.want || last.Number != test.attempts || last.Temporary() != (test.attempts > 1) {
				t.Errorf("got %q of %v, %d attempts", got, last.Err, last.Number)
			}
		})
	}
}

func TestAnInvalidHeaderIsNotSent(t *testing.T) {
	for name, value := range map[string]string{"X-A": "a\r\nX-B: b", "X A": "a", "": "a"} {
		receiver := newScript(200)
		s := Sender{Transport: receiver, Attempts: 3}
		last, err := s.Send(t.Context(), Callback{URL: "https://receiver.example/", Header: http.Header{name: {value}}})
		if !is[*InvalidError](err) || last.Temporary() || last.Number != 1 || len(receiver.asked) > 0 {
			t.Errorf("%q: %q: %v after %d attempts", name, value, err, last.Number)
		}
	}
}
