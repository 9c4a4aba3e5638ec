package narada

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestErrorDetailIsOneLine(t *testing.T) {
	tests := []struct{ body, want string }{
		{`{"detail":"out of\n credits"}`, "out of credits"},
		{`{"detail":{"code":7}}`, `{"code":7}`},
		{`{"detail":[{"loc":["body","chatHistory",0,"role"],"msg":"bad role"},{"loc":["query"],"msg":"worse"}]}`, "chatHistory.0.role: bad role; query: worse"},
		{`{"detail":[1]}`, `[1]`},
		{`{"detail":null}`, ``},
		{`{}`, ``},
		{`<html>`, ``},
	}
	for _, tt := range tests {
		if got := detail([]byte(tt.body)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.body, got, tt.want)
		}
	}
	if got := detail([]byte(`{"detail":"` + strings.Repeat("é", 3000) + `"}`)); len(got) > maxDetail+4 || !strings.HasSuffix(got, " ...") {
		t.Errorf("a long detail has %d bytes", len(got))
	}
}

func TestRetryAfterIsSecondsOrADate(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		value string
		want  time.Duration
		ok    bool
	}{
		{"7", 7 * time.Second, true},
		{"0", 0, true},
		{"Thu, 01 Jan 2026 00:01:00 GMT", time.Minute, true},
		{"Wed, 31 Dec 2025 00:00:00 GMT", 0, true},
		{"999999999", maxRetryAfter, true},
		{"-1", 0, false},
		{"soon", 0, false},
		{"", 0, false},
	}
	for _, tt := range tests {
		header := http.Header{}
		if tt.value != "" {
			header.Set("Retry-After", tt.value)
		}
		got, ok := RetryAfter(header, now)
		if got != tt.want || ok != tt.ok {
			t.Errorf("%q: %v, %v", tt.value, got, ok)
		}
	}
}

// A clock that was set back makes a date of the server's look far away.
func TestRetryAfterAsADateIsByTheServersClock(t *testing.T) {
	header := http.Header{"Retry-After": {"Thu, 01 Jan 2026 00:01:00 GMT"}, "Date": {"Thu, 01 Jan 2026 00:00:00 GMT"}}
	for _, now := range []time.Time{time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if got, ok := RetryAfter(header, now); got != time.Minute || !ok {
			t.Errorf("%v: %v, %v", now, got, ok)
		}
	}
}

func TestAServerThatCannotBeTrustedIsNotTriedAgain(t *testing.T) {
	plain := httptest.NewServer(answerWith(200, nil, `{}`))
	defer plain.Close()
	unknown := httptest.NewUnstartedServer(answerWith(200, nil, `{}`))
	unknown.Config.ErrorLog = log.New(io.Discard, "", 0)
	unknown.StartTLS()
	defer unknown.Close()
	for name, address := range map[string]string{
		"an unknown certificate": unknown.URL, "no TLS": strings.Replace(plain.URL, "http:", "https:", 1),
	} {
		c, err := NewClient("key-1", WithBaseURL(address))
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Dispatch(t.Context(), &Request{Prompt: "p"})
		if failure, ok := errors.AsType[*DispatchError](err); !ok || failure.Maybe || failure.Retryable() {
			t.Errorf("%s: dispatch: %v", name, err)
		}
		if _, err := c.Status(t.Context(), "req_1"); err == nil || Temporary(err) {
			t.Errorf("%s: status: %v", name, err)
		}
	}
}

func TestTemporaryErrorsAreRecognized(t *testing.T) {
	tests := []struct {
		err  error
		want bool
	}{
		{&APIError{StatusCode: 500}, true}, {&APIError{StatusCode: 429}, true}, {&APIError{StatusCode: 408}, true},
		{&APIError{StatusCode: 401}, false}, {&APIError{StatusCode: 404}, false},
		{&AnswerError{StatusCode: 200}, true}, {&AnswerError{StatusCode: 302}, false}, {&TooLargeError{}, false},
		{errors.New("other"), false}, {context.Canceled, false},
	}
	for _, tt := range tests {
		if got := Temporary(tt.err); got != tt.want {
			t.Errorf("%v: %v", tt.err, got)
		}
	}
}
