package narada

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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

func TestRequestMarshalsKnownFieldsThenExtra(t *testing.T) {
	r := &Request{
		Prompt: "p", ExecutionMode: ModeCloud, ResponseFormat: JSONSchema(json.RawMessage(`{"type": "object"}`)),
		MCPServers: []MCPServer{{URL: "https://m", Authentication: MCPAuthentication{Type: "none"}}},
		Extra:      map[string]json.RawMessage{"z": json.RawMessage(`1`), "criticContext": json.RawMessage(`{"a":2}`)},
	}
	got, err := r.MarshalJSON()
	want := `{"prompt":"p","executionMode":"cloud","responseFormat":{"type":"jsonSchema","jsonSchema":{"type":"object"}},` +
		`"mcpServers":[{"url":"https://m","label":null,"description":null,"authentication":{"type":"none"},"selectedTools":null}],"criticContext":{"a":2},"z":1}`
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	for name, value := range map[string]string{"prompt": `"x"`, "bad": `{`} {
		r := &Request{Prompt: "p", Extra: map[string]json.RawMessage{name: json.RawMessage(value)}}
		if _, err := r.MarshalJSON(); err == nil {
			t.Errorf("extra %s is accepted", name)
		}
	}
}

func TestMaskedRequestContainsNoSecret(t *testing.T) {
	r := &Request{
		Prompt: "p", CallbackSecret: "needle", CallbackHeaders: map[string]string{"Authorization": "needle"},
		SecretVariables: map[string]string{"pw": "needle"}, Credentials: map[string]map[string]string{"jira": {"token": "needle"}},
		MCPServers: []MCPServer{
			{Authentication: MCPAuthentication{Type: "bearer-token", BearerToken: "needle"}},
			{Authentication: MCPAuthentication{Type: "custom-headers", CustomHeaders: []MCPHeader{{"X-A", "needle"}}}},
		},
		Extra: map[string]json.RawMessage{"callbackSecret2": json.RawMessage(`1`)},
	}
	before, err := r.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	masked, err := r.Masked().MarshalJSON()
	if err != nil || strings.Contains(string(masked), "needle") {
		t.Errorf("%s, %v", masked, err)
	}
	extra := &Request{Prompt: "p", Extra: map[string]json.RawMessage{
		"secretVariables": json.RawMessage(`{"pw":"needle"}`), "CallbackSecret": json.RawMessage(`"needle"`),
	}}
	if masked, err := extra.Masked().MarshalJSON(); err != nil || strings.Contains(string(masked), "needle") {
		t.Errorf("%s, %v", masked, err)
	}
	after, _ := r.MarshalJSON()
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		t.Errorf("Masked changed the request:\n%s", diff)
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
