package narada

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestStartSessionSendsNameAndTimeout(t *testing.T) {
	for _, tt := range []struct {
		request SessionRequest
		answer  string
		body    string
		window  string
	}{
		{SessionRequest{}, `{"session_id":"s-1","browser_window_id":null}`,
			`{"require_extension":false,"session_name":null,"session_timeout":null}`, ""},
		{SessionRequest{Name: "n", Timeout: 90*time.Second + 1}, `{"session_id":"s-1","browser_window_id":"w-1","more":1.0}`,
			`{"require_extension":false,"session_name":"n","session_timeout":91}`, "w-1"},
	} {
		var got string
		c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got = r.Method + " " + r.URL.Path + " " + string(body)
			_, _ = io.WriteString(w, tt.answer)
		})
		s, err := c.StartSession(t.Context(), tt.request)
		if err != nil || s.ID != "s-1" || s.BrowserWindowID != tt.window || string(s.Raw()) != tt.answer {
			t.Errorf("%+v, %v", s, err)
		}
		if want := "POST /fast/v2/cloud-browser/create-and-initialize-cloud-browser-session " + tt.body; got != want {
			t.Errorf("sent %s", got)
		}
	}
}

func TestSessionErrorSaysWhetherASessionMayRun(t *testing.T) {
	for _, tt := range []struct {
		handler          http.HandlerFunc
		maybe, retryable bool
	}{
		{answerWith(401, nil, `{"detail":"Invalid API key"}`), false, false},
		{answerWith(429, nil, `{}`), false, true},
		{answerWith(502, nil, ``), true, false},
		{answerWith(200, nil, `{}`), true, false},
	} {
		_, err := newTestClient(t, tt.handler).StartSession(t.Context(), SessionRequest{})
		failure, ok := errors.AsType[*SessionError](err)
		if !ok || failure.Maybe != tt.maybe || failure.Retryable() != tt.retryable || !strings.HasPrefix(err.Error(), "start a session: ") {
			t.Errorf("%v: %+v", err, failure)
		}
	}
}

func TestStopSessionReturnsTheReasonOfARefusal(t *testing.T) {
	for answer, want := range map[string]string{
		`{"success":true}`: "",
		`{"success":false,"message":"no such session"}`: "the cloud did not stop the session: no such session",
		`{"success":false,"message":null}`:              "the cloud did not stop the session",
		`{}`:                                            "POST /cloud-browser/stop-cloud-browser-session: 200, but it does not say whether the session was stopped",
	} {
		var got string
		c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got = string(body)
			_, _ = io.WriteString(w, answer)
		})
		err := c.StopSession(t.Context(), "s-1", SessionTimedOut)
		if fmt.Sprint(err) != want && !(err == nil && want == "") || got != `{"session_id":"s-1","status":"timed_out"}` {
			t.Errorf("%s: %v; sent %s", answer, err, got)
		}
		if want != "" && errors.Is(err, ErrNotStopped) != strings.HasPrefix(want, "the cloud did not") {
			t.Errorf("%v", err)
		}
	}
}

func TestDownloadsAreListedAndFetchedWithoutTheKey(t *testing.T) {
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		switch r.URL.Path {
		case "/fast/v2/cloud-browser/replay/downloads":
			_, _ = io.WriteString(w, map[string]string{
				"s-1":     `{"downloaded_files":[{"key":"s-1/a b","file_name":"a b","size":5,"x":1}]}`,
				"none":    `{"downloaded_files":null}`,
				"keyless": `{"downloaded_files":[{"file_name":"a"}]}`,
				"other":   `[]`,
			}[q.Get("session_id")])
		case "/fast/v2/cloud-browser/replay/download-url":
			_, _ = fmt.Fprintf(w, `{"presigned_url":"http://%s/s3/%s?sig=secret"}`, r.Host, q.Get("key")[4:5])
		case "/s3/a":
			if r.Header.Get("x-api-key") != "" || r.URL.Query().Get("sig") != "secret" {
				t.Errorf("%v %v", r.URL, r.Header)
			}
			_, _ = io.WriteString(w, "hello")
		case "/s3/b":
			w.WriteHeader(http.StatusForbidden)
		case "/s3/c":
			w.Header().Set("Location", "https://example.com/")
			w.WriteHeader(http.StatusFound)
		case "/s3/d":
			panic(http.ErrAbortHandler)
		}
	})
	list, err := c.Downloads(t.Context(), "s-1")
	if err != nil || len(list) != 1 || list[0].Key != "s-1/a b" || list[0].Name != "a b" || list[0].Size != 5 ||
		string(list[0].Raw()) != `{"key":"s-1/a b","file_name":"a b","size":5,"x":1}` {
		t.Fatalf("%+v, %v", list, err)
	}
	if list, err := c.Downloads(t.Context(), "none"); err != nil || list != nil {
		t.Errorf("%+v, %v", list, err)
	}
	for _, id := range []string{"keyless", "other", "a b"} {
		if _, err := c.Downloads(t.Context(), id); err == nil {
			t.Errorf("%s: no error", id)
		}
	}
	body, err := c.OpenDownload(t.Context(), "s-1", list[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if text, err := io.ReadAll(body); err != nil || string(text) != "hello" {
		t.Errorf("%q, %v", text, err)
	}
	for _, key := range []string{"s-1/b", "s-1/c", "s-1/d"} {
		_, err := c.OpenDownload(t.Context(), "s-1", key)
		if err == nil || strings.Contains(err.Error(), "sig=") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestWithSecretsNamesThePlaceOfEachSecret(t *testing.T) {
	r := &Request{
		SecretVariables: map[string]string{"pw": "1"}, CallbackHeaders: map[string]string{"A": "2"}, CallbackSecret: "3",
		Credentials: map[string]map[string]string{"jira": {"token": "4"}},
		MCPServers: []MCPServer{
			{URL: "https://m.example/x?key=7", Authentication: MCPAuthentication{BearerToken: "5"}},
			{Authentication: MCPAuthentication{CustomHeaders: []MCPHeader{{"X", "6"}}}},
		},
	}
	var got []string
	r.WithSecrets(func(place, value string) string {
		got = append(got, place+"="+value)
		return ""
	})
	want := "secretVariables.pw=1 callbackHeaders.A=2 callbackSecret=3 userResourceCredentials.jira.token=4 " +
		"mcpServers.0.url.query=key=7 mcpServers.0.authentication.bearerToken=5 mcpServers.1.authentication.customHeaders.X=6"
	if strings.Join(got, " ") != want {
		t.Error(got)
	}
	if r.SecretVariables["pw"] != "1" || r.MCPServers[1].Authentication.CustomHeaders[0].Value != "6" {
		t.Error("the request was changed")
	}
}
