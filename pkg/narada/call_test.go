package narada

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
)

func TestCallSendsItsBodyAndReturnsTheAnswer(t *testing.T) {
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		answerWith(200, nil, fmt.Sprintf(`[%q,%q,%q]`, r.Method+" "+r.URL.RequestURI(), r.Header.Get("x-api-key"), body))(w, r)
	})
	for _, test := range []struct{ method, path, body, want string }{
		{"GET", "/sdk/config", "", `["GET /fast/v2/sdk/config","key-1",""]`},
		{"GET", "/x?b=2&a=1", "", `["GET /fast/v2/x?b=2&a=1","key-1",""]`},
		{"POST", "/x", `{"n":1.10}`, `["POST /fast/v2/x","key-1","{\"n\":1.10}"]`},
	} {
		var body json.RawMessage
		if test.body != "" {
			body = json.RawMessage(test.body)
		}
		answer, err := c.Call(t.Context(), test.method, test.path, body)
		if err != nil || string(answer) != test.want {
			t.Errorf("%s %s: got %s, %v, want %s", test.method, test.path, answer, err, test.want)
		}
	}
}

func TestAnAnswerIsUTF8(t *testing.T) {
	c := newTestClient(t, answerWith(200, nil, "{\"a\":\"\xff\"}"))
	if answer, err := c.Call(t.Context(), "GET", "/x", nil); err != nil || string(answer) != "{\"a\":\"\ufffd\"}" {
		t.Errorf("got %q, %v", answer, err)
	}
}

func TestCallErrorSaysWhetherTheCallMayHaveTakenEffect(t *testing.T) {
	for _, test := range []struct {
		method, path string
		status       int
		body         string
		maybe, fails bool
	}{
		{"GET", "/x", 500, "", false, true},
		{"POST", "/x", 500, "", true, true},
		{"DELETE", "/x", 200, "<html>", true, true},
		{"POST", "/x", 422, "{}", false, true},
		{"POST", "/x", 204, "", false, false},
		{"POST", "/x", 200, "\n", false, false},
		{"POST", "x", 200, "{}", false, true},
		{"POST", "/x/../../y", 200, "{}", false, true},
		{"POST", "/%2e%2E/y", 200, "{}", false, true},
		{"POST", `/x/..\y`, 200, "{}", false, true},
		{"POST", "/..;/y", 200, "{}", false, true},
		{"POST", "/x?a=b c", 200, "{}", false, true},
		{"POST", "/x?a=b%20c", 200, "{}", false, false},
		{"POST", "/a..b/...?x=../y", 200, "{}", false, false},
		{"POST", "//elsewhere.example/x", 200, "{}", false, true},
		{"POST", "/x#y", 200, "{}", false, true},
	} {
		c := newTestClient(t, answerWith(test.status, nil, test.body))
		_, err := c.Call(t.Context(), test.method, test.path, nil)
		failure, ok := errors.AsType[*CallError](err)
		if ok != test.fails || ok && failure.Maybe != test.maybe {
			t.Errorf("%s %s, %d: got %v", test.method, test.path, test.status, err)
		}
	}
}
