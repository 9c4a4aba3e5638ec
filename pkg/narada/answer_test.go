package narada

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

func TestRedirectsAreNotFollowed(t *testing.T) {
	var reached atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	defer other.Close()
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	_, err := c.Status(t.Context(), "req_1")
	if _, ok := errors.AsType[*AnswerError](err); !ok || Temporary(err) {
		t.Errorf("got %v", err)
	}
	if reached.Load() {
		t.Error("the other host was called")
	}
}

func TestStatusReadsResults(t *testing.T) {
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/fast/v2/remote-dispatch/responses/req_1" {
			http.NotFound(w, r)
			return
		}
		answerWith(200, nil, `{"status":"pending","response":null,"completedAt":null}`)(w, r)
	})
	r, err := c.Status(t.Context(), "req_1")
	if err != nil || r.RequestID != "req_1" || r.Status != StatusPending || r.Final() {
		t.Errorf("Status = %+v, %v", r, err)
	}
	_, err = c.Status(t.Context(), "req_2")
	if api, ok := errors.AsType[*APIError](err); !ok || api.StatusCode != 404 || Temporary(err) {
		t.Errorf("an unknown ID: %v", err)
	}
	if _, err = c.Status(t.Context(), "../x"); err == nil || strings.Contains(err.Error(), "404") {
		t.Errorf("an ID with a slash: %v", err)
	}
}

func TestAnswersHaveASizeLimit(t *testing.T) {
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		chunk := strings.Repeat("x", 1<<20)
		for range 100 {
			if _, err := io.WriteString(w, chunk); err != nil {
				return
			}
		}
	})
	_, err := c.Status(t.Context(), "req_1")
	if err == nil || !strings.Contains(err.Error(), "larger than 32 MiB") || Temporary(err) {
		t.Errorf("got %v", err)
	}
}

func TestTheMaximumSizeOfAnAnswerCanBeSet(t *testing.T) {
	body := `{"status":"success","completedAt":"2026-01-01T00:00:00Z"}`
	server := httptest.NewServer(answerWith(200, nil, body))
	defer server.Close()
	for size, ok := range map[int]bool{len(body): true, len(body) - 1: false} {
		c, err := NewClient("k", WithBaseURL(server.URL), WithMaxAnswer(int64(size)))
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Status(t.Context(), "req_1")
		if _, tooLarge := errors.AsType[*TooLargeError](err); tooLarge == ok || (err == nil) != ok {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	if _, err := NewClient("k", WithMaxAnswer(0)); err == nil {
		t.Error("a maximum of 0 bytes is accepted")
	}
}

// The answer to a dispatch that is not a request ID does not say that nothing was accepted.
func TestAnImpossibleRequestIDIsAnError(t *testing.T) {
	for id, want := range map[string]string{
		`"../../x"`:                            `the answer's requestId is not valid: "../../x" is not a request ID`,
		`".."`:                                 `is not valid: ".." is not`,
		`"req_1\nreq_2"`:                       `is not valid: "req_1\nreq_2" is not`,
		`"req 1"`:                              `is not valid: "req 1" is not`,
		`"req_\u0000"`:                         `is not valid: `,
		`"réq"`:                                `is not valid: "r\u00e9q" is not`,
		`""`:                                   `is not valid: "" is not`,
		`17`:                                   "the answer's requestId, 17, is not a string",
		`["req_1"]`:                            `the answer's requestId, ["req_1"], is not a string`,
		`null`:                                 "the answer has no requestId",
		`"` + strings.Repeat("x", 1<<20) + `"`: "is not valid: ",
	} {
		c := newTestClient(t, answerWith(202, nil, `{"requestId":`+id+`}`))
		got, err := c.Dispatch(t.Context(), &Request{Prompt: "x"})
		failure, ok := errors.AsType[*DispatchError](err)
		if got != "" || !ok || !failure.Maybe || !strings.Contains(err.Error(), want) || len(err.Error()) > 500 {
			t.Errorf("%.40s: %q, %v", id, got, err)
		}
	}
}

func TestAnAnswerAboutAnotherTaskIsAnError(t *testing.T) {
	c := newTestClient(t, answerWith(200, nil, `{"requestId":"req_2","status":"success","completedAt":"2026-01-01T00:00:00Z"}`))
	r, err := c.Status(t.Context(), "req_1")
	if r != nil || err == nil || !strings.Contains(err.Error(), `the answer is about another task, "req_2"`) || !Temporary(err) {
		t.Errorf("got %v, %v", r, err)
	}
}

func TestAnIDThatIsNotUnicodeIsAnOddAnswer(t *testing.T) {
	c := newTestClient(t, answerWith(200, nil, "{\"requestId\":\"req_\xff\",\"status\":\"success\"}"))
	if r, err := c.Status(t.Context(), "req_\ufffd"); r != nil || err == nil {
		t.Errorf("status: got %v, %v", r, err)
	}
	r, err := c.Status(t.Context(), "req_1")
	if odd, ok := errors.AsType[*AnswerError](err); r != nil || !ok || !strings.Contains(odd.Error(), "requestId: not Unicode text") {
		t.Errorf("status: got %v, %v", r, err)
	}
	if id, err := c.Dispatch(t.Context(), &Request{Prompt: "x"}); err == nil {
		t.Errorf("dispatch: got %q", id)
	}
}

// answering is a transport that answers every call with one body.
type answering struct {
	status int
	header http.Header
	body   []byte
}

func (a answering) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body))}, nil
}

// Whatever a status call answers, it is an error of a known type or a result of the task,
// which has finished only if the answer says so.
func FuzzStatus(f *testing.F) {
	for _, body := range []string{
		`{"requestId":"req_1","status":"success","completedAt":"2026-01-01T00:00:00Z"}`, `{"status":"pending","completedAt":null}`,
		`{"requestId":"req_2","status":"success","completedAt":"x"}`, `{"requestId":null,"status":"error","completedAt":1}`,
		`{"requestId":"../x","status":"x"}`, `{"detail":[{"loc":["body",0],"msg":"m"}]}`, `<html>`, `{"status":`, ``, `[]`, `null`,
	} {
		f.Add(200, "", []byte(body))
	}
	f.Add(503, "1", []byte(`{"detail":{}}`))
	f.Add(307, "-1", []byte(`{"status":"success","completedAt":"x"}`))
	f.Add(204, "", []byte{})
	f.Fuzz(func(t *testing.T, status int, retryAfter string, body []byte) {
		c, err := NewClient("key-1", WithMaxAnswer(1<<20), WithTransport(answering{status, http.Header{"Retry-After": {retryAfter}, "Location": {string(body)}}, body}))
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.Status(t.Context(), "req_1")
		if err != nil {
			_, refused := errors.AsType[*APIError](err)
			odd, isOdd := errors.AsType[*AnswerError](err)
			_, tooLarge := errors.AsType[*TooLargeError](err)
			_, noRedirect := errors.AsType[*url.Error](err) // net/http cannot read its Location
			if r != nil || !refused && !isOdd && !tooLarge && !noRedirect || err.Error() == "" || isOdd && odd.OtherTask == "req_1" {
				t.Errorf("%d %q: %v, %v", status, body, r, err)
			}
			return
		}
		var object map[string]any
		if err := json.Unmarshal(body, &object); err != nil || status >= 300 {
			t.Fatalf("%d %q: %v is a result", status, body, r.Raw())
		}
		if r.RequestID != "req_1" || r.Status == "" || !json.Valid(r.Raw()) || r.Final() && object["completedAt"] == nil {
			t.Errorf("%d %q: %q, %q, final %v, %s", status, body, r.RequestID, r.Status, r.Final(), r.Raw())
		}
	})
}

// A secret that is cut would not be recognized afterwards.
func TestAnswersAreMaskedBeforeTheyAreReadAndCut(t *testing.T) {
	mask := func(status int, body []byte) []byte {
		if status == http.StatusOK {
			return bytes.ReplaceAll(body, []byte("s3cret"), []byte("ok"))
		}
		return bytes.ReplaceAll(body, []byte("s3cret"), []byte("***"))
	}
	status, body := 422, `{"detail":"`+strings.Repeat("x", maxDetail-3)+`s3cret"}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	defer server.Close()
	c, err := NewClient("key", WithBaseURL(server.URL), WithMask(nil), WithMask(mask))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Status(t.Context(), "req_1")
	if refusal, ok := errors.AsType[*APIError](err); !ok || !strings.HasSuffix(refusal.Detail, "x***") {
		t.Errorf("%v", err)
	}
	status, body = 200, `{"status":"success","response":{"text":"s3cret"}}`
	if r, err := c.Status(t.Context(), "req_1"); err != nil || r.Text() != "ok" || strings.Contains(string(r.Raw()), "s3cret") {
		t.Errorf("%+v, %v", r, err)
	}
	body = `{"requestId":"` + strings.Repeat("y", 55) + `s3cret"}`
	if _, err = c.Status(t.Context(), "req_1"); err == nil || strings.Contains(err.Error(), "s3c") {
		t.Errorf("%v", err)
	}
	status, body = 403, `<Error><Code>AccessDenied</Code><Message>s3cret</Message></Error>`
	err = c.storageError(httptest.NewRequest(http.MethodGet, server.URL, nil), &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))})
	if refusal, ok := errors.AsType[*StorageError](err); !ok || refusal.Message != "***" {
		t.Errorf("%v", err)
	}
}
