package deliver

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestTheKindOfAnAttemptTellsWhyItFailed(t *testing.T) {
	answer := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	}
	closed := httptest.NewServer(answer(200))
	closed.Close()
	plain := httptest.NewServer(answer(503))
	defer plain.Close()
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer slow.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer broken.Close()
	secure := httptest.NewTLSServer(answer(200))
	defer secure.Close()
	nameless := &net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: (&net.Dialer{Timeout: time.Nanosecond}).DialContext}}
	for name, test := range map[string]struct {
		url       string
		transport *http.Transport
		want      string
	}{
		"an answer":       {plain.URL, &http.Transport{}, "503"},
		"unreachable":     {closed.URL, &http.Transport{}, "connection refused"},
		"a slow one":      {slow.URL, &http.Transport{}, "no answer in time"},
		"one that breaks": {broken.URL, &http.Transport{}, "connection broken"},
		"untrusted":       {secure.URL, &http.Transport{}, "bad certificate"},
		"an old protocol": {secure.URL, &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}}, "no TLS"},
		"no TLS at all":   {"https" + plain.URL[4:], &http.Transport{}, "no TLS"},
		"no such name":    {"http://nowhere.invalid/", &http.Transport{DialContext: nameless.DialContext}, "name not found"},
	} {
		t.Run(name, func(t *testing.T) {
			defer test.transport.CloseIdleConnections()
			limit := time.Minute
			if test.url == slow.URL {
				limit = 50 * time.Millisecond
			}
			last, _ := (&Sender{Transport: test.transport, Timeout: limit}).Send(t.Context(), Callback{URL: test.url})
			if got := last.Kind(); got != test.want {
				t.Errorf("got %q of %v", got, last.Err)
			}
		})
	}
}
