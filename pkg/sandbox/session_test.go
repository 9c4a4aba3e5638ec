package sandbox

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/narada"
)

func TestASessionHasTheDownloadsOfItsTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "delay: 1s\nrules:\n  - {match: two, downloads: [{name: ../../x, text: one}, {name: b, text: ''}]}\n  - {match: none, downloads: []}\n", nil)
		s, err := w.client.StartSession(t.Context(), narada.SessionRequest{Name: "n"})
		if err != nil {
			t.Fatal(err)
		}
		if list, err := w.client.Downloads(t.Context(), s.ID); err != nil || list != nil {
			t.Errorf("%v, %v", list, err)
		}
		for _, prompt := range []string{"/Operator two", "/Operator none", "/Operator hi"} {
			w.dispatch(t, &narada.Request{Prompt: prompt, CloudBrowserSessionID: s.ID, BrowserWindowID: s.BrowserWindowID})
			time.Sleep(2 * time.Second)
			synctest.Wait()
		}
		if err := w.client.StopSession(t.Context(), s.ID, narada.SessionComplete); err != nil {
			t.Error(err)
		}
		list, err := w.client.Downloads(t.Context(), s.ID)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, d := range list {
			body, err := w.client.OpenDownload(t.Context(), s.ID, d.Key)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(body)
			if body.Close(); err != nil || int64(len(text)) != d.Size {
				t.Errorf("%d bytes of %d, %v", len(text), d.Size, err)
			}
			got[d.Name] = string(text)
		}
		want := map[string]string{"../../x": "one", "b": "", "answer.txt": `Hello from the Narada sandbox, where no agent runs. You asked: "hi"` + "\n"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnEndedSessionIsNotFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "", nil)
		stopped, err := w.client.StartSession(t.Context(), narada.SessionRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.client.StopSession(t.Context(), stopped.ID, narada.SessionComplete); err != nil {
			t.Fatal(err)
		}
		over, err := w.client.StartSession(t.Context(), narada.SessionRequest{Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.client.Dispatch(t.Context(), &narada.Request{Prompt: "x", CloudBrowserSessionID: over.ID}); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		for _, id := range []string{stopped.ID, over.ID, "never-there"} {
			if err := w.client.StopSession(t.Context(), id, narada.SessionComplete); !errors.Is(err, narada.ErrNotStopped) {
				t.Errorf("%s: %v", id, err)
			}
			_, err := w.client.Dispatch(t.Context(), &narada.Request{Prompt: "x", CloudBrowserSessionID: id})
			if api, ok := errors.AsType[*narada.APIError](err); id != "never-there" && (!ok || api.StatusCode != 404) {
				t.Errorf("%s: %v", id, err)
			}
		}
		if _, err := w.client.Downloads(t.Context(), "never-there"); err == nil {
			t.Error("no error for an unknown session")
		}
		if _, err := w.client.OpenDownload(t.Context(), over.ID, "no-key"); err == nil {
			t.Error("no error for an unknown key")
		}
		if status, text := w.do(t, "GET", storeDownloadPath+"guess", "", http.Header{"X-Api-Key": {""}}); status != 403 || !strings.Contains(text, "<Code>AccessDenied</Code>") {
			t.Errorf("%d %s", status, text)
		}
	})
}

func TestInvalidSessionRequestsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "", nil)
		for _, tt := range []struct{ path, body, want string }{
			{startPath, `{"session_timeout":0}`, `["body","session_timeout"]`},
			{startPath, `{"session_timeout":"long"}`, `["body","session_timeout"]`},
			{startPath, `{"session_timeout":1e9}`, `["body","session_timeout"]`},
			{startPath, `{"session_name":1}`, `["body","session_name"]`},
			{startPath, ``, `["body"]`},
			{stopPath, `{"status":"complete"}`, `["body","session_id"]`},
			{stopPath, `{"session_id":"s","status":"done"}`, `["body","status"]`},
			{presignPath, `{"filename":null}`, `["body","filename"]`},
		} {
			if status, text := w.do(t, "POST", tt.path, tt.body, nil); status != 422 || !strings.Contains(text, `"loc":`+tt.want) {
				t.Errorf("%s: %d %s", tt.body, status, text)
			}
		}
		if status, _ := w.do(t, "POST", startPath, `{"session_name":"`+strings.Repeat("x", maxSmallBody)+`"}`, nil); status != 413 {
			t.Errorf("status %d", status)
		}
	})
}

func TestOldestSessionsAreRemoved(t *testing.T) {
	var s sessions
	f := &download{token: "t"}
	s.add(&session{id: "first", files: []*download{f}})
	s.byToken["t"] = f
	for range maxSessions {
		s.add(&session{id: "more"})
	}
	if s.byID["first"] != nil || s.byToken["t"] != nil || len(s.list) != maxSessions {
		t.Errorf("%d sessions", len(s.list))
	}
}
