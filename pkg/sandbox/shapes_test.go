package sandbox

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/webhook"
)

// The names of the members that the official SDK reads, and of those of the
// documented callback.
var (
	statusKeys   = []string{"completedAt", "createdAt", "hitlInputMetadata", "response", "status", "usage"}
	callbackKeys = []string{"browserWindowId", "completedAt", "createdAt", "requestId", "response", "secret", "status", "usage"}
)

func keys(t *testing.T, doc string) []string {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(doc), &members); err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	return slices.Sorted(maps.Keys(members))
}

func TestStatusCallsAndCallbacksHaveTheDocumentedBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "", nil)
		status, body := w.do(t, "POST", "/fast/v2/remote-dispatch",
			`{"prompt":"/Operator say <hello>","browserWindowId":"w1","callbackUrl":"`+hookURL+`","callbackSecret":"secret","callbackHeaders":{"authorization":"Bearer token"}}`, nil)
		if want := `{"requestId":"` + firstID + `"}`; status != http.StatusAccepted || body != want {
			t.Fatalf("%d %s, want 202 %s", status, body, want)
		}
		path := "/fast/v2/remote-dispatch/responses/" + firstID
		want := `{"status":"pending","response":null,"createdAt":"2000-01-01T00:00:00.000000+00:00","completedAt":null,"usage":null,"hitlInputMetadata":null,"browserWindowId":"w1"}`
		if diff := cmp.Diff(want, w.get(t, path)); diff != "" {
			t.Error(diff)
		}
		time.Sleep(999 * time.Millisecond)
		if diff := cmp.Diff(want, w.get(t, path)); diff != "" {
			t.Error(diff)
		}
		time.Sleep(2 * time.Millisecond)
		const text = `Hello from the Narada sandbox, where no agent runs. You asked: \"say <hello>\"`
		want = `{"status":"success","response":{"text":"` + text + `","output":{"type":"text","content":"` + text + `"}},` +
			`"createdAt":"2000-01-01T00:00:00.000000+00:00","completedAt":"2000-01-01T00:00:01.000000+00:00","usage":{"actions":2,"credits":0.5},"hitlInputMetadata":null,"browserWindowId":"w1"}`
		if diff := cmp.Diff(want, w.get(t, path)); diff != "" {
			t.Error(diff)
		}
		want = `{"requestId":"` + firstID + `","secret":"secret","status":"success","browserWindowId":"w1","response":{"text":"` + text + `"},` +
			`"createdAt":"2000-01-01T00:00:00.000000+00:00","completedAt":"2000-01-01T00:00:01.000000+00:00","usage":{"actions":2,"credits":0.5}}`
		posts := w.hook.seen()
		if len(posts) != 1 {
			t.Fatalf("%d callbacks", len(posts))
		}
		if diff := cmp.Diff(want, posts[0].body); diff != "" {
			t.Error(diff)
		}
		if _, err := webhook.Verify(w.hook.ticket, posts[0].header, []byte(posts[0].body)); err != nil {
			t.Errorf("Verify: %v", err)
		}
		if diff := cmp.Diff(Stats{DispatchCalls: 1, Dispatches: 1, StatusCalls: 3, Finished: 1, CallbackAttempts: 1, CallbacksAccepted: 1}, w.Stats()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestEveryOutcomeHasTheKeysOfTheSDK(t *testing.T) {
	const rules = `
rules:
  - {match: fail, status: error, text: It broke.}
  - {match: login, status: input-required, usage: null}
  - {match: data, structuredOutput: {b: 1.50, a: [x, null, true, 2025-01-01, 0x10]}}
`
	for prompt, want := range map[string]struct {
		status     narada.Status
		text       string
		structured string
		usage      *narada.Usage
	}{
		"hello":   {narada.StatusSuccess, `Hello from the Narada sandbox, where no agent runs. You asked: "hello"`, "", &narada.Usage{Actions: 2, Credits: 0.5}},
		"fail":    {narada.StatusError, "It broke.", "", &narada.Usage{Actions: 2, Credits: 0.5}},
		"login":   {narada.StatusInputRequired, "The task needs human input, as a rule of the sandbox defines.", "", nil},
		"data":    {narada.StatusSuccess, `Hello from the Narada sandbox, where no agent runs. You asked: "data"`, `{"b":1.50,"a":["x",null,true,"2025-01-01",16]}`, &narada.Usage{Actions: 2, Credits: 0.5}},
		"/a/b hi": {narada.StatusSuccess, `Hello from the Narada sandbox, where no agent runs. You asked: "hi"`, "", &narada.Usage{Actions: 2, Credits: 0.5}},
	} {
		t.Run(prompt, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, rules, nil)
				id := w.dispatch(t, request(prompt))
				time.Sleep(2 * time.Second)
				polled := w.status(t, id)
				for from, r := range map[string]*narada.Result{"status call": polled, "callback": w.hook.results()[0]} {
					if r.RequestID != id || r.Status != want.status || r.Text() != want.text || string(r.Structured()) != want.structured || !r.Final() || r.Duration() != time.Second {
						t.Errorf("%s: %s", from, r.Raw())
					}
					if diff := cmp.Diff(want.usage, r.Usage); diff != "" {
						t.Errorf("%s: %s", from, diff)
					}
				}
				got := keys(t, w.get(t, "/remote-dispatch/responses/"+id))
				if diff := cmp.Diff(append([]string{"browserWindowId"}, statusKeys...), got); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(callbackKeys, keys(t, w.hook.seen()[0].body)); diff != "" {
					t.Error(diff)
				}
				if polled.Response.Output == nil {
					t.Error("no output")
				}
			})
		})
	}
}

func TestStructuredOutputMatchesTheSchema(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "rules: [{match: broken, status: error}]", nil)
		r := request("list the items")
		r.ResponseFormat = narada.JSONSchema([]byte(`{"$defs":{"Item":{"properties":{"name":{"type":"string"},"qty":{"type":"integer"}},"required":["name","qty"],"type":"object"}},"properties":{"title":{"type":"string"},"ok":{"type":"boolean"},"items":{"items":{"$ref":"#/$defs/Item"},"type":"array"}},"required":["title","ok","items"],"type":"object"}`))
		id := w.dispatch(t, r)
		r.Prompt = "broken"
		broken := w.dispatch(t, r)
		time.Sleep(2 * time.Second)
		const want = `{"items":[{"name":"sample name","qty":1}],"ok":true,"title":"sample title"}`
		if diff := cmp.Diff(want, string(w.status(t, id).Structured())); diff != "" {
			t.Error(diff)
		}
		for _, result := range w.hook.results() {
			if result.RequestID == id && string(result.Structured()) != want {
				t.Errorf("callback: %s", result.Raw())
			}
		}
		if got := w.status(t, broken); got.Structured() != nil {
			t.Errorf("a task that failed has data: %s", got.Raw())
		}
	})
}

func TestATaskCanAskForHumanInput(t *testing.T) {
	for name, test := range map[string]struct{ rules, action string }{
		"for input":    {`rules: [{humanInput: {for: 5s, message: "Email?"}}]`, `{"name":"prompt_for_user_input","step_id":"step_1","prompt_message":"Email?","variables":[{"name":"answer","type":"string","required":true}]}`},
		"for approval": {`rules: [{humanInput: {for: 5s, action: user_approval, message: "OK?", callback: true}}]`, `{"name":"user_approval","step_id":"step_1","prompt_message":"OK?","approve_label":"Approve","reject_label":"Reject"}`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, test.rules, nil)
				id := w.dispatch(t, request("book it"))
				time.Sleep(2 * time.Second)
				want := `{"status":"input-required","response":null,"createdAt":"2000-01-01T00:00:00.000000+00:00","completedAt":null,"usage":null,"hitlInputMetadata":{"inputId":"input_1011121314151617","action":` + test.action + `},"browserWindowId":null}`
				if diff := cmp.Diff(want, w.get(t, "/remote-dispatch/responses/"+id)); diff != "" {
					t.Error(diff)
				}
				asked := w.status(t, id)
				if asked.Final() || asked.HumanInput == nil || asked.HumanInput.InputID == "" {
					t.Errorf("not asking: %s", asked.Raw())
				}
				time.Sleep(5 * time.Second)
				if r := w.status(t, id); !r.Final() || r.Status != narada.StatusSuccess || r.HumanInput != nil || r.Duration() != 6*time.Second {
					t.Errorf("after the answer: %s", r.Raw())
				}
				var finals []bool
				for _, r := range w.hook.results() {
					finals = append(finals, r.Final())
				}
				expected := []bool{true}
				if strings.Contains(test.rules, "callback: true") {
					expected = []bool{false, true}
				}
				if diff := cmp.Diff(expected, finals); diff != "" {
					t.Errorf("callbacks that are final: %s", diff)
				}
			})
		})
	}
}
