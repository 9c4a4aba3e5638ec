package history

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// ledger has one task, with an ID and the number 12. The read called fail returns an error.
type ledger struct {
	Detail
	forwards []store.Forward
	fail     string
}

var errRead = errors.New("cannot be read")

func (l ledger) err(read string) error {
	if l.fail == read {
		return errRead
	}
	return nil
}

func (l ledger) Request(context.Context, store.Task) (json.RawMessage, error) {
	return l.Detail.Request, l.err("request")
}

func (l ledger) Final(context.Context, store.Task) (*narada.Result, error) {
	return l.Result, l.err("final")
}

func (l ledger) Deliveries(context.Context, store.Task) (list []store.Delivery, err error) {
	for _, c := range l.Callbacks {
		list = append(list, c.Delivery)
	}
	return list, l.err("deliveries")
}

func (l ledger) Refusals(context.Context, store.Task) ([]store.Refusal, error) {
	return l.Detail.Refusals, l.err("refusals")
}

func (l ledger) Forwards(context.Context, store.Task) ([]store.Forward, error) {
	return l.forwards, l.err("forwards")
}

func (l ledger) Task(_ context.Context, id string) (store.Task, bool, error) {
	return l.Detail.Task, id == l.Detail.Task.RequestID, l.err("task")
}

func (l ledger) Numbered(_ context.Context, number int64) (store.Task, bool, error) {
	return l.Detail.Task, number == l.Detail.Task.Number, l.err("task")
}

var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func body(completed string) json.RawMessage {
	return json.RawMessage(`{"requestId":"req_1", "status":"success","completedAt":` + completed + `,"secret":null}`)
}

func testLedger(t *testing.T) ledger {
	result, err := narada.ParseResult(body(`"2026-01-02T03:04:05Z"`))
	if err != nil {
		t.Fatal(err)
	}
	callback := func(seq int64, final bool, body json.RawMessage) Callback {
		return Callback{Delivery: store.Delivery{Seq: seq, ReceivedAt: at, Final: final, Header: http.Header{"A": {"b"}}, Body: body}}
	}
	return ledger{
		Detail: Detail{
			Task:      store.Task{Number: 12, RequestID: "req_1", Source: "run", Machine: "laptop", Status: narada.StatusSuccess, Way: "callback", DispatchedAt: at, FinishedAt: at, Took: time.Second, Prompt: "p <b>"},
			Request:   json.RawMessage(`{"prompt":"/Operator p <b>"}`),
			Result:    result,
			Callbacks: []Callback{callback(1, false, body("null")), callback(2, true, body(`"x"`)), callback(5, true, body(`"y"`)), callback(6, false, body("null"))},
			Refusals:  []store.Refusal{{ReceivedAt: at, StatusCode: 401, Reason: "wrong secret", Size: 7, Header: http.Header{}}},
		},
		forwards: []store.Forward{{Seq: 2, Target: "a", State: store.ForwardDelivered, Attempts: 1, StatusCode: 200, EndedAt: at}, {Seq: 2, Target: "b", State: store.ForwardWaiting}},
	}
}

func TestADetailHasEachCallbackWithItsKindAndForwards(t *testing.T) {
	l := testLedger(t)
	d, err := Read(t.Context(), l, l.Detail.Task)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range d.Callbacks {
		text := string(c.Kind)
		for _, f := range c.Forwards {
			text += " " + f.Target
		}
		got = append(got, text)
	}
	if diff := cmp.Diff([]string{"phase", "final a b", "further", "further"}, got); diff != "" {
		t.Error(diff)
	}
	for _, read := range []string{"request", "final", "deliveries", "refusals", "forwards"} {
		l.fail = read
		if _, err := Read(t.Context(), l, l.Detail.Task); !errors.Is(err, errRead) {
			t.Errorf("%s: got %v", read, err)
		}
	}
}

func TestTaskDocumentHasAllMembers(t *testing.T) {
	l := testLedger(t)
	d, err := Read(t.Context(), l, l.Detail.Task)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := json.Marshal(d.Document())
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(doc, &got); err != nil {
		t.Fatal(err)
	}
	callback := func(kind, completed string, forwards ...any) any {
		var content map[string]any
		if err := json.Unmarshal(body(completed), &content); err != nil {
			t.Fatal(err)
		}
		return map[string]any{"receivedAt": "2026-01-02T03:04:05Z", "verdict": "accepted", "kind": kind, "headers": map[string]any{"A": []any{"b"}}, "body": content, "forwards": append([]any{}, forwards...)}
	}
	want := map[string]any{
		"requestId": "req_1", "number": 12.0, "status": "success", "prompt": "p <b>", "source": "run", "machine": "laptop", "baseUrl": nil, "dispatchedAt": "2026-01-02T03:04:05Z",
		"finishedAt": "2026-01-02T03:04:05Z", "durationMs": 1000.0, "delivery": "callback", "forwarded": nil,
		"request": map[string]any{"prompt": "/Operator p <b>"},
		"result":  map[string]any{"requestId": "req_1", "status": "success", "completedAt": "2026-01-02T03:04:05Z"},
		"callbacks": []any{
			callback("phase", "null"),
			callback("final", `"x"`,
				map[string]any{"target": "a", "state": "forwarded", "attempts": 1.0, "statusCode": 200.0, "error": nil, "endedAt": "2026-01-02T03:04:05Z"},
				map[string]any{"target": "b", "state": "waiting", "attempts": 0.0, "statusCode": nil, "error": nil, "endedAt": nil}),
			callback("further", `"y"`), callback("further", "null"),
		},
		"refused": []any{map[string]any{"receivedAt": "2026-01-02T03:04:05Z", "verdict": "wrong secret", "statusCode": 401.0, "size": 7.0, "headers": map[string]any{}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	empty, err := json.Marshal(Detail{}.Document())
	if err != nil || !strings.Contains(string(empty), `"requestId":null`) || !strings.Contains(string(empty), `"callbacks":[],"refused":[]`) {
		t.Errorf("%s, %v", empty, err)
	}
}

func TestATaskIsFoundByItsNameOrNumber(t *testing.T) {
	l := testLedger(t)
	for name, want := range map[string]error{"req_1": nil, "#12": nil, "req_2": ErrNotFound, "#13": ErrNotFound, "": ErrNotFound, "#": ErrBadNumber, "#a": ErrBadNumber} {
		if got, err := Find(t.Context(), l, name); err != want || err == nil && got.Number != 12 {
			t.Errorf("%q: got %+v, %v", name, got, err)
		}
	}
	l.fail = "task"
	if _, err := Find(t.Context(), l, "req_2"); !errors.Is(err, errRead) {
		t.Errorf("got %v", err)
	}
	if name := Name(l.Detail.Task); name != "req_1" {
		t.Errorf("name %q", name)
	}
	if name := Name(store.Task{Number: 12}); name != "#12" {
		t.Errorf("name %q", name)
	}
}
