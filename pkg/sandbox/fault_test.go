package sandbox

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/narada"
)

func TestADispatchFaultAppliesTheGivenNumberOfTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, `rules: [{match: busy, faults: {dispatch: {status: 503, times: 2, retryAfter: 1}}}]`, nil)
		for range 2 {
			_, err := w.client.Dispatch(t.Context(), request("busy"))
			api, ok := errors.AsType[*narada.APIError](err)
			if !ok || api.StatusCode != 503 || api.RetryAfter != time.Second || api.Detail != "Service Unavailable" {
				t.Fatalf("got %v", err)
			}
			if e, _ := errors.AsType[*narada.DispatchError](err); e.Maybe || !e.Retryable() {
				t.Error("a refusal should be safe to try again")
			}
		}
		w.dispatch(t, request("busy"))
		if s := w.Stats(); s.Dispatches != 1 || s.DispatchCalls != 3 {
			t.Errorf("%+v", s)
		}
	})
}

func TestFaultBodyIsSentUnchanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, `
rules:
  - {match: html, faults: {dispatch: {status: 200, body: "<html>"}}}
  - {match: json, faults: {dispatch: {status: 402, body: '{"detail":{"code":"credits"}}'}}}`, nil)
		status, body := w.do(t, "POST", "/remote-dispatch", `{"prompt":"html"}`, nil)
		if status != 200 || body != "<html>" {
			t.Errorf("%d %s", status, body)
		}
		_, err := w.client.Dispatch(t.Context(), request("json"))
		if api, ok := errors.AsType[*narada.APIError](err); !ok || api.StatusCode != 402 || api.Detail != `{"code":"credits"}` {
			t.Errorf("got %v", err)
		}
	})
}

func TestATaskWhoseAnswerIsLostIsAccepted(t *testing.T) {
	for name, test := range map[string]struct {
		fault  string
		status int
	}{
		"the connection is cut": {`{}`, 0},
		"a gateway answers":     {`{status: 502}`, 502},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, `rules: [{faults: {answerLost: `+test.fault+`}}]`, nil)
				_, err := w.client.Dispatch(t.Context(), request("x"))
				e, ok := errors.AsType[*narada.DispatchError](err)
				if !ok || !e.Maybe || e.Retryable() {
					t.Fatalf("got %v, want a dispatch that may have been accepted", err)
				}
				if api, _ := errors.AsType[*narada.APIError](err); test.status != 0 && api.StatusCode != test.status {
					t.Errorf("got %v", err)
				}
				time.Sleep(2 * time.Second)
				if got := w.hook.results(); len(got) != 1 || got[0].RequestID != firstID {
					t.Errorf("callbacks: %v", got)
				}
				if r := w.status(t, firstID); !r.Final() {
					t.Error("not final")
				}
				w.dispatch(t, request("x")) // accepted once
			})
		})
	}
}

func TestADispatchWhoseConnectionIsCutIsNotAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, `rules: [{faults: {dispatch: {cut: true}, statusCalls: {cut: true}}}]`, nil)
		if _, err := w.client.Dispatch(t.Context(), request("x")); err == nil {
			t.Fatal("no error")
		}
		if n := len(w.Tasks()); n != 0 {
			t.Errorf("%d tasks", n)
		}
		id := w.dispatch(t, request("x"))
		// net/http retries a GET when a reused connection breaks, but not on a
		// new one.
		w.http.CloseIdleConnections()
		if _, err := w.client.Status(t.Context(), id); err == nil || !narada.Temporary(err) {
			t.Errorf("got %v", err)
		}
		w.status(t, id)
	})
}

func TestAStatusCallFaultAppliesTheGivenNumberOfTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, `rules: [{faults: {statusCalls: {status: 500, times: 3}}}]`, nil)
		id := w.dispatch(t, request("x"))
		for range 3 {
			if _, err := w.client.Status(t.Context(), id); err == nil || !narada.Temporary(err) {
				t.Fatalf("got %v", err)
			}
		}
		r, err := w.client.Wait(t.Context(), id)
		if err != nil || !r.Final() {
			t.Error(r, err)
		}
	})
}

func TestAFaultCanBeCountedForEachPrompt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, `rules: [{faults: {dispatch: {status: 503, times: 2, each: true}}}]`, nil)
		for _, prompt := range []string{"a", "b"} {
			for range 2 {
				if _, err := w.client.Dispatch(t.Context(), request(prompt)); err == nil {
					t.Errorf("%s was accepted", prompt)
				}
			}
			w.dispatch(t, request(prompt))
		}
	})
}

func TestARuleDefinesTheFaultsOfCallbacks(t *testing.T) {
	type seen struct {
		Status int // of the receiver's answer
		Second int // after the start
	}
	for name, test := range map[string]struct {
		faults   string
		posts    []seen
		accepted int
	}{
		"none":         {`{}`, []seen{{200, 1}}, 1},
		"lost":         {`{lost: true, repeated: 3, forged: true}`, nil, 0},
		"late":         {`{late: 10s}`, []seen{{200, 11}}, 1},
		"repeated":     {`{repeated: 2}`, []seen{{200, 1}, {200, 1}, {200, 1}}, 3},
		"forged":       {`{forged: true}`, []seen{{401, 1}, {401, 1}, {200, 1}}, 1},
		"malformed":    {`{malformed: true}`, []seen{{400, 1}, {200, 1}}, 1},
		"all but lost": {`{malformed: true, forged: true, repeated: 1, late: 5s}`, []seen{{401, 6}, {401, 6}, {400, 6}, {200, 6}, {200, 6}}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, `rules: [{faults: {callback: `+test.faults+`}}]`, nil)
				id := w.dispatch(t, request("x"))
				time.Sleep(time.Minute)
				var got []seen
				for _, p := range w.hook.seen() {
					got = append(got, seen{p.status, int(p.at / time.Second)})
				}
				if diff := cmp.Diff(test.posts, got); diff != "" {
					t.Error(diff)
				}
				for _, r := range w.hook.results() {
					if strings.Contains(r.Text(), "forged") {
						t.Errorf("a forged callback was accepted: %s", r.Raw())
					}
				}
				if s := w.Stats(); s.CallbacksAccepted != test.accepted || s.CallbackAttempts != len(test.posts) {
					t.Errorf("%+v", s)
				}
				if !w.status(t, id).Final() {
					t.Error("not final")
				}
			})
		})
	}
}

func TestARefusedCallbackIsRetried(t *testing.T) {
	for name, test := range map[string]struct {
		answers  []int
		accepted int
		posts    int
	}{
		"until it is accepted":           {[]int{503, 401, 404, 500}, 1, 5},
		"until the attempts are used up": {[]int{500, 500, 500, 500, 500, 500, 500}, 0, 6},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, "", nil)
				w.hook.answers = test.answers
				w.dispatch(t, request("x"))
				time.Sleep(time.Minute)
				posts := w.hook.seen()
				if s := w.Stats(); len(posts) != test.posts || s.CallbacksAccepted != test.accepted || s.CallbacksFailed != 1-test.accepted {
					t.Errorf("%d posts, %+v", len(posts), s)
				}
				for _, p := range posts {
					if p.body != posts[0].body {
						t.Error("the body changed on the way")
					}
				}
				if last := posts[len(posts)-1].at; last < 4*time.Second || last > 25*time.Second {
					t.Errorf("the last one arrived after %v", last)
				}
			})
		})
	}
}

func TestHumanInputCallbackPrecedesTheFinalCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, `rules: [{humanInput: {for: 1s, callback: true}}]`, nil)
		w.hook.answers = []int{503, 503, 503} // to the phase's callback, for longer than the phase
		id := w.dispatch(t, request("x"))
		time.Sleep(2*time.Second + time.Millisecond)
		if !w.status(t, id).Final() {
			t.Error("the task waits for its callbacks")
		}
		time.Sleep(time.Minute)
		var finals []bool
		for _, r := range w.hook.results() {
			finals = append(finals, r.Final())
		}
		if diff := cmp.Diff([]bool{false, true}, finals); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTheDelayOfARuleHasPrecedence(t *testing.T) {
	for name, test := range map[string]struct {
		option time.Duration
		rules  string
		want   time.Duration
	}{
		"the default":              {0, "", time.Second},
		"of the document":          {0, "delay: 3s", 3 * time.Second},
		"the option over that":     {2 * time.Second, "delay: 3s", 2 * time.Second},
		"the rule over both":       {2 * time.Second, "{delay: 3s, rules: [{delay: 4s}]}", 4 * time.Second},
		"no delay":                 {-1, "", time.Microsecond},
		"no delay in a rule":       {0, "rules: [{delay: 0s}]", time.Microsecond},
		"a rule for other prompts": {0, "rules: [{match: '^y', delay: 4s}]", time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, test.rules, func(o *Options) { o.Delay = test.option })
				id := w.dispatch(t, &narada.Request{Prompt: "x"})
				time.Sleep(test.want)
				synctest.Wait()
				if r := w.status(t, id); r.Duration() != test.want {
					t.Errorf("%v: %s", r.Duration(), r.Raw())
				}
			})
		})
	}
}

func TestEventsHaveNoSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, `rules: [{faults: {callback: {forged: true}, answerLost: {}}}]`, nil)
		w.hook.answers = []int{0, 0, 503}
		_, _ = w.client.Dispatch(t.Context(), request("x"))
		time.Sleep(time.Minute)
		w.status(t, firstID)
		want := []Event{
			{Kind: EventRequest, RequestID: firstID, Method: "POST", Path: "/fast/v2/remote-dispatch", Fault: "answer lost: connection cut"},
			{Kind: EventCallback, RequestID: firstID, Host: "127.0.0.1:9", Attempt: 1, StatusCode: 401, Fault: "forged: wrong secret"},
			{Kind: EventCallback, RequestID: firstID, Host: "127.0.0.1:9", Attempt: 1, StatusCode: 401, Fault: "forged: wrong header"},
			{Kind: EventCallback, RequestID: firstID, Host: "127.0.0.1:9", Attempt: 1, StatusCode: 503},
			{Kind: EventCallback, RequestID: firstID, Host: "127.0.0.1:9", Attempt: 2, StatusCode: 200},
			{Kind: EventRequest, RequestID: firstID, Method: "GET", Path: "/fast/v2/remote-dispatch/responses/" + firstID, StatusCode: 200},
		}
		got := w.events.all()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		for _, secret := range []string{"unguessable", "Bearer", "\"secret\"", "\"key\""} {
			if text := fmt.Sprintf("%#v", got); strings.Contains(text, secret) {
				t.Errorf("%s is in %s", secret, text)
			}
		}
	})
}
