package network

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestTheProxyIsThatOfTheEnvironment(t *testing.T) {
	environment := map[string]string{"https_proxy": "http://proxy.example:3128", "NO_PROXY": "inside.example"}
	find := Proxy(func(name string) string { return environment[name] })
	for address, want := range map[string]string{
		"https://api.example/x":    "http://proxy.example:3128",
		"https://inside.example/x": "",
		"http://api.example/x":     "",
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		proxy, err := find(u)
		if proxy != nil {
			got = proxy.String()
		}
		if got != want || err != nil {
			t.Errorf("%s: %q, %v", address, got, err)
		}
		if viaTransport, err := Transport(func(name string) string { return environment[name] }).Proxy(&http.Request{URL: u}); (viaTransport == nil) != (want == "") || err != nil {
			t.Errorf("%s: the transport uses %v, %v", address, viaTransport, err)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestCallsAreLoggedWithoutSecrets(t *testing.T) {
	var log strings.Builder
	var failure error
	transport := Logged(roundTripper(func(*http.Request) (*http.Response, error) {
		if failure != nil {
			return nil, failure
		}
		return &http.Response{Status: "200 OK", StatusCode: 200}, nil
	}), func(event, text string, _ ...slog.Attr) { log.WriteString(event + ": " + text + "\n") })
	r, err := http.NewRequest(http.MethodGet, "https://user:s3cret@api.example/files?signature=s3cret", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "s3cret")
	if _, err := transport.RoundTrip(r); err != nil {
		t.Error(err)
	}
	failure = errors.New("connection reset")
	if _, err := transport.RoundTrip(r); !errors.Is(err, failure) {
		t.Error(err)
	}
	text := log.String()
	for _, want := range []string{"request: > GET https://user:xxxxx@api.example/files\n", "response: < GET /files: 200 OK (", "response: < GET /files: connection reset ("} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in %q", want, text)
		}
	}
	if strings.Contains(text, "s3cret") {
		t.Errorf("a secret: %q", text)
	}
}

type timeout struct{ error }

func (timeout) Timeout() bool { return true }

func TestAFailedCallNamesTheHostOnly(t *testing.T) {
	for want, err := range map[string]error{
		"cannot reach api.example: connection reset":          errors.New("connection reset"),
		"api.example closed the connection without an answer": io.EOF,
		"api.example did not answer in time":                  timeout{errors.New("late")},
	} {
		if got := ErrorText(&url.Error{Op: "Get", URL: "https://api.example/files?signature=s3cret", Err: err}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestTheAnswerOfAProxyThatDoesNotConnectIsKnown(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	defer proxy.Close()
	transport := Transport(func(name string) string { return map[string]string{"HTTPS_PROXY": proxy.URL}[name] })
	defer transport.CloseIdleConnections()
	r, err := http.NewRequest(http.MethodPost, "https://hook.example/", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = transport.RoundTrip(r)
	refused, ok := errors.AsType[*ProxyError](err)
	if !ok || refused.ProxyStatus() != http.StatusProxyAuthRequired || err.Error() != "the proxy answered 407 Proxy Authentication Required" {
		t.Errorf("got %v", err)
	}
}
