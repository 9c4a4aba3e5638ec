package deliver

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPercentilesUseTheNearestRank(t *testing.T) {
	var s Statistics
	if s.Percentile(50) != 0 {
		t.Error("there is a median of nothing")
	}
	for _, ms := range []int{5, 1, 4, 2, 3, 6, 10, 9, 8, 7} {
		s.Add(Attempt{StatusCode: 200, Duration: time.Duration(ms) * time.Millisecond})
	}
	for percent, want := range map[float64]time.Duration{0: 1, 10: 1, 50: 5, 55: 6, 95: 10, 99: 10, 100: 10} {
		if got := s.Percentile(percent); got != want*time.Millisecond {
			t.Errorf("p%v is %v, want %dms", percent, got, want)
		}
	}
	s.Add(Attempt{Err: errors.New("x"), Duration: 0})
	if s.Count() != 11 || s.Accepted() != 10 || s.Percentile(1) != 0 {
		t.Errorf("%d, %d, %v", s.Count(), s.Accepted(), s.Percentile(1))
	}
	if diff := cmp.Diff(map[string]int{"200": 10, "connection broken": 1}, s.Kinds()); diff != "" {
		t.Error(diff)
	}
}

// Each kind of failure is made for real.
func TestKinds(t *testing.T) {
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
			attempts, _ := (&Sender{Transport: test.transport, Timeout: limit}).Send(t.Context(), Callback{URL: test.url})
			if got := attempts[0].Kind(); got != test.want {
				t.Errorf("got %q of %v", got, attempts[0].Err)
			}
		})
	}
}
