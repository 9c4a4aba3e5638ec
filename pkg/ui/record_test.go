package ui

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/sandbox"
	"github.com/narada-cli/narada/pkg/store"
)

// sandboxWorld is a page of a sandbox.
func sandboxWorld(t *testing.T, rules string, keep int) (w *world, dispatch func(body string) (id string)) {
	t.Helper()
	w = newWorld(t)
	path := filepath.Join(t.TempDir(), "rules.yaml")
	w.must(os.WriteFile(path, []byte(rules), 0o600))
	loaded, err := sandbox.LoadRules(t.Context(), path)
	w.must(err)
	o := sandbox.Options{Delay: -1, Rules: loaded}
	record := &Record{Ledger: w.ledger, Keep: keep, Failed: func(err error) { t.Error(err) }}
	record.Follow(context.WithoutCancel(t.Context()), &o)
	s, err := sandbox.Start(t.Context(), o)
	w.must(err)
	t.Cleanup(func() { w.must(s.Close(context.Background())) })
	return w, func(body string) string {
		r, err := http.NewRequest("POST", s.URL()+"/remote-dispatch", strings.NewReader(body))
		w.must(err)
		r.Header.Set("x-api-key", "any")
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(r)
		w.must(err)
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		w.must(err)
		id := strings.Split(string(text), `"`)
		if answer.StatusCode/100 != 2 || len(id) < 4 {
			t.Fatalf("%d %s", answer.StatusCode, text)
		}
		return id[3]
	}
}

// eventually waits for the page to have the text.
func (w *world) eventually(path, text string) {
	w.t.Helper()
	for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
		if code, page := w.get(path); code == 200 && strings.Contains(page, text) {
			return
		}
	}
	w.has(path, text)
}

func TestTheCallbacksOfASandboxAreShownWithTheAnswers(t *testing.T) {
	var calls atomic.Int64
	hook := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch n := calls.Add(1); {
		case strings.Contains(string(body), "forged"), r.Header.Get("X-Token") != "t0p-s3cret-token":
			rw.WriteHeader(http.StatusUnauthorized)
		case n == 4: // the malformed one is accepted before
			rw.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(rw, "overloaded, "+r.Header.Get("X-Token"))
		}
	}))
	defer hook.Close()
	w, dispatch := sandboxWorld(t, "rules: [{match: faulty, text: the answer, faults: {callback: {forged: true, malformed: true}}}, {match: ask, humanInput: {for: 1ms, message: which one}}]", 0)
	for range 2 { // to one address
		calls.Store(0)
		id := dispatch(fmt.Sprintf(`{"prompt":"/Operator faulty","browserWindowId":"w","callbackUrl":%q,"callbackSecret":"pa55w0rd-of-it","callbackHeaders":{"X-Token":"t0p-s3cret-token"},"secretVariables":{"a":"pa55w0rd"}}`, hook.URL+"/hook"))
		w.eventually("/tasks/"+id, "callback: success")
		w.has("/tasks/"+id, "the answer", "the sandbox", "forged: wrong secret: ", "forged: wrong header: ", "attempt 1: overloaded, ***", "503", "malformed", "X-Token")
		w.lacks("/tasks/"+id, "pa55w0rd", "t0p-s3cret", "Sent by")
		w.has("/tasks", `class="sender">–</td>`)
		w.has("/callbacks", id, "refused, 401", "refused, 503", "answered, 200", "accepted", hook.URL+"/hook")
		w.lacks("/callbacks", "pa55w0rd", "t0p-s3cret")
	}
	id := dispatch(`{"prompt":"/Operator x","browserWindowId":"w","callbackUrl":"http://127.0.0.1:1/"}`)
	w.eventually("/callbacks", "no answer")
	w.eventually("/tasks/"+id, "connection refused")
	w.eventually("/tasks/"+dispatch(`{"prompt":"/Operator ask","browserWindowId":"w"}`), "Hello from the Narada sandbox")
}

func TestTheRecordOfASandboxIsBounded(t *testing.T) {
	const keep = 20
	w, dispatch := sandboxWorld(t, "rules: [{match: forever, delay: 1h}]", keep)
	open := dispatch(`{"prompt":"/Operator forever","browserWindowId":"w"}`)
	for range 5 * keep {
		id := dispatch(`{"prompt":"/Operator x","browserWindowId":"w"}`)
		w.eventually("/tasks/"+id, "status call: success")
	}
	count := 0
	w.must(w.ledger.Tasks(t.Context(), store.Query{}, func(store.Task) error { count++; return nil }))
	if count < keep || count > keep+keep/10+3 {
		t.Errorf("%d tasks are kept", count)
	}
	w.has("/tasks/"+open, string(narada.StatusPending))
}
