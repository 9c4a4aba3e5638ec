package narada

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func newTestClient(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	transport := NewTransport()
	t.Cleanup(transport.CloseIdleConnections)
	c, err := NewClient("key-1", WithBaseURL(server.URL+"/fast/v2/"), WithTransport(transport), WithUserAgent("test/1"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func answerWith(status int, header map[string]string, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for name, value := range header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestDispatchSendsTheBodyAndReturnsTheID(t *testing.T) {
	var got string
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = fmt.Sprintln(r.Method, r.URL.Path, r.Header.Get("x-api-key"), r.Header.Get("Content-Type"), r.Header.Get("User-Agent")) + string(body)
		answerWith(202, nil, `{"requestId":"req_1"}`)(w, r)
	})
	id, err := c.Dispatch(t.Context(), &Request{Prompt: "/Operator <b>hi</b>", ClearChat: new(false)})
	if err != nil || id != "req_1" {
		t.Fatalf("Dispatch = %q, %v", id, err)
	}
	want := "POST /fast/v2/remote-dispatch key-1 application/json test/1\n" + `{"prompt":"/Operator <b>hi</b>","clearChat":false}`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDispatchErrorSaysWhetherTheTaskMayHaveBeenAccepted(t *testing.T) {
	tests := []struct {
		name      string
		handler   http.HandlerFunc
		maybe     bool
		retryable bool
		text      string
	}{
		{"validation", answerWith(422, nil, `{"detail":[{"loc":["body","prompt"],"msg":"Field required","type":"missing"}]}`), false, false, "dispatch: POST /remote-dispatch: 422 Unprocessable Entity: prompt: Field required"},
		{"unauthorised", answerWith(401, nil, `{"detail":"Invalid API key"}`), false, false, "401 Unauthorized: Invalid API key"},
		{"too many", answerWith(429, nil, `{}`), false, true, "429 Too Many Requests"},
		{"unavailable with Retry-After", answerWith(503, map[string]string{"Retry-After": "0"}, ``), false, true, "503"},
		{"unavailable", answerWith(503, nil, ``), true, false, "503"},
		{"bad gateway", answerWith(502, nil, `<html>`), true, false, "502 Bad Gateway"},
		{"request timeout of the API", answerWith(504, nil, ``), true, false, "504"},
		{"request timeout", answerWith(408, nil, ``), true, false, "408"},
		{"HTML", answerWith(200, nil, `<html>hello</html>`), true, false, "200, but the answer is not JSON"},
		{"truncated JSON", answerWith(202, nil, `{"requestId":"req`), true, false, "not JSON"},
		{"no ID", answerWith(202, nil, `{"request":"req_1"}`), true, false, "no requestId"},
		{"redirect", answerWith(307, map[string]string{"Location": "https://evil.example/x"}, ``), false, false, "it redirects to https://evil.example, where the API key is not sent"},
		{"cut connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, true, false, "EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newTestClient(t, tt.handler).Dispatch(t.Context(), &Request{Prompt: "x"})
			failure, ok := errors.AsType[*DispatchError](err)
			if !ok {
				t.Fatalf("error %T: %v", err, err)
			}
			if failure.Maybe != tt.maybe || failure.Retryable() != tt.retryable || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("Maybe %v, Retryable %v, %q", failure.Maybe, failure.Retryable(), err)
			}
		})
	}
}

func TestDispatchThatWasNotSentIsRetryable(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	c, err := NewClient("k", WithBaseURL(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Dispatch(t.Context(), &Request{Prompt: "x"})
	failure, ok := errors.AsType[*DispatchError](err)
	if !ok || failure.Maybe || !failure.Retryable() {
		t.Errorf("got %#v", err)
	}
	_, err = c.Dispatch(t.Context(), &Request{})
	if failure, ok := errors.AsType[*DispatchError](err); !ok || failure.Maybe {
		t.Errorf("an empty prompt: %v", err)
	}
}

func TestDispatchIsNeverSentTwiceByTheTransport(t *testing.T) {
	var calls atomic.Int32
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			answerWith(202, nil, `{"requestId":"req_1"}`)(w, r)
			return
		}
		panic(http.ErrAbortHandler) // on a reused connection
	})
	if _, err := c.Dispatch(t.Context(), &Request{Prompt: "x"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Dispatch(t.Context(), &Request{Prompt: "x"}); err == nil {
		t.Fatal("no error")
	}
	if n := calls.Load(); n != 2 {
		t.Errorf("%d requests for 2 calls", n)
	}
}

func TestBaseURLMustBeHTTPSOffLoopback(t *testing.T) {
	for _, good := range []string{"https://api.example/fast/v2", "https://api.example/", "http://127.0.0.1:8787/x", "http://localhost", "http://[::1]:1"} {
		if _, err := ParseBaseURL(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"http://api.example", "ftp://x", "api.example", "", "https://", "https://u:p@x", "https://x?q", "https://x/?", "https://x#f", "http://127.0.0.1.evil.example", "http://localhost.evil.example"} {
		if _, err := ParseBaseURL(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		} else if strings.Contains(err.Error(), "u:p@") {
			t.Errorf("the password is repeated: %v", err)
		}
	}
}

func TestAPIKeyMustFitAHeader(t *testing.T) {
	for _, bad := range []string{"", "a\nb", "clé", "a b"} {
		if _, err := NewClient(bad); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestRequestIDCannotChangeTheURL(t *testing.T) {
	for _, bad := range []string{"", ".", "..", "a/b", `a\b`, "a?b", "a#b", "a%2fb", "a b", "a\n", "é", strings.Repeat("x", 257)} {
		if CheckRequestID(bad) == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	if err := CheckRequestID("req_abc123def456"); err != nil {
		t.Error(err)
	}
}

func TestMinSDKVersionIsThatOfThePackage(t *testing.T) {
	c := newTestClient(t, answerWith(200, nil, `{"packages":{"narada":{"min_required_version":"0.1.5"}}}`))
	got, err := c.MinSDKVersion(t.Context(), "narada")
	if err != nil || got != "0.1.5" {
		t.Errorf("got %q, %v", got, err)
	}
}
