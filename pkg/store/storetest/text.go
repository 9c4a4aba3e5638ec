package storetest

import (
	"fmt"
	"net/http"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

var textTests = []test{
	{"Any text is stored exactly", anyText},
	{"Any text of a callback is stored exactly", anyTextOfACallback},
	{"Any text of a batch is stored exactly", anyTextOfABatch},
}

// odd has what an engine may not store as text: NUL, bytes that are not UTF-8, and a character
// that an engine may use itself.
const odd = "a\x00b\xff\u2028\ufdd0\u0161\x00"

func anyText(l ledger) {
	h, other := l.open(), l.open()
	op := &store.Intend{Intent: intent("a")}
	op.Prompt, op.Machine, op.Agent, op.CloudSession, op.Parent = odd, odd, odd, odd, odd
	op.Body = []byte(`{"prompt":"\u0000\ud800","callbackUrl":"\u0000","browserWindowId":"w\u0000"}`)
	h.write(op)
	h.write(&store.Refuse{Task: op.Number, Failure: odd, At: start})
	for _, query := range []store.Query{{}, {Agent: odd}, {Status: store.StatusRefused}} {
		for _, task := range other.tasks(query) {
			l.same("texts", []string{odd, odd, odd, odd, odd, odd}, []string{task.Prompt, task.Machine, task.Agent, task.CloudSession, task.Parent, task.Failure})
			request, err := other.Request(l.ctx(), task)
			l.must(err)
			l.same("request", string(op.Body), string(request))
		}
		if n := len(other.tasks(query)); n != 1 {
			l.Errorf("%+v: %d tasks", query, n)
		}
	}
	h.Refuse(ticket("a").Path, store.Refusal{ReceivedAt: start, StatusCode: 400, Reason: "a\x00b", Header: http.Header{}})
	refusals, err := h.Refusals(l.ctx(), h.tasks(store.Query{})[0])
	l.must(err)
	if len(refusals) != 1 || refusals[0].Reason != "a\x00b" {
		l.Errorf("got %+v", refusals)
	}
	if _, ok, err := h.Ticket(l.ctx(), odd); ok || err != nil {
		l.Errorf("a ticket was found: %v", err)
	}
	h.Refuse(odd, store.Refusal{ReceivedAt: start, StatusCode: 404, Reason: "x", Header: http.Header{}})
	if _, err := h.RecentRefusals(l.ctx(), 1); err != nil {
		l.Error(err)
	}
}

func anyTextOfACallback(l ledger) {
	h, other := l.open(), l.open()
	h.intend("a")
	const id, status = "req_\x00\ufdd0", "odd\x00"
	body := `{"requestId":"req_\u0000` + "\ufdd0" + `","status":"odd\u0000","response":{"text":"\u0000"},"completedAt":"\u0000","secret":"` + ticket("a").Secret + `"}`
	deliver := &store.Deliver{Delivery: callback("a", body), Forwarding: store.Forwarding{Listener: odd, Targets: []string{odd}}}
	h.write(deliver)
	h.write(&store.Intend{Intent: store.Intent{Source: "run", At: start}}) // of another group
	again := &store.Deliver{Delivery: callback("a", body)}
	other.write(again)
	if !deliver.IsNew || again.IsNew {
		l.Errorf("new: %v, its repeat %v", deliver.IsNew, again.IsNew)
	}
	task := other.task(id)
	l.same("task", []any{id, narada.Status(status), "\x00"}, []any{task.RequestID, task.Status, other.answer(id)})
	l.same("by its status", []string{id}, other.ids(store.Query{Status: status}))
	l.same("events", []string{"dispatched", "callback-delivered " + id + " " + status}, other.eventsOf(id))
	if d := other.deliveries(id); len(d) != 1 {
		l.Errorf("%d callbacks", len(d))
	}
	other.write(&store.ForwardEnded{Forward: store.Forward{Seq: 1, Target: odd, State: store.ForwardFailed, Failure: odd, EndedAt: start}})
	forwards, err := h.Forwards(l.ctx(), task)
	l.must(err)
	l.same("forwards", []store.Forward{{Seq: 1, RequestID: id, Target: odd, State: store.ForwardFailed, Attempts: 1, Failure: odd, EndedAt: start}}, forwards)
	h.write(&store.Accept{Task: h.intend("b"), RequestID: "req_b\x00", At: start})
	h.write(&store.Poll{Result: polled(`{"requestId":"req_b\u0000","status":"input-required","hitlInputMetadata":{"inputId":"\u0000"}}`), At: start})
	h.write(&store.Poll{Result: polled(`{"requestId":"req_b\u0000","status":"odd\u0000","completedAt":"x"}`), At: start})
	if t := other.task("req_b\x00"); t.Open() || t.Status != status {
		l.Errorf("got %+v", t)
	}
	if n := h.prune(store.Limits{Before: start.Add(time.Second)}); n != 2 {
		l.Errorf("%d went", n)
	}
}

func anyTextOfABatch(l ledger) {
	h, other := l.open(), l.open()
	put := &store.PutBatch{Batch: store.Batch{Name: odd, BegunAt: start, Input: odd, Cloud: odd, Lines: 2, Settings: odd}}
	h.write(put, &store.PutBatch{Batch: store.Batch{Name: "other", BegunAt: start}})
	b, ok, err := other.Batch(l.ctx(), odd)
	l.must(err)
	put.Batch.Number = put.Number
	l.same("batch", []any{put.Batch, true}, []any{b, ok})
	line := queueLine(b.Number, 0)
	line.Item.ID, line.Intent.Prompt, line.Intent.Agent, line.Assertions = odd, odd, odd, odd
	line.Intent.Body = []byte(`{"prompt":"\u0000\ud800 \\\\u0000 \\\u0000","browserWindowId":"w"}`)
	h.write(&store.OpenWork{Batch: b.Number, Options: odd}, line)
	if w := other.work(b.Number); w.Options != odd || w.Batch.Name != odd {
		l.Errorf("got %+v", w)
	}
	c := other.claim(b.Number, odd, 1, noLimits())
	if len(c) != 1 || c[0].ID != odd || c[0].Prompt != odd || c[0].Assertions != odd || string(c[0].Request) != string(line.Intent.Body) {
		l.Fatalf("got %+v", c)
	}
	h.write(&store.Accept{Task: c[0].Task, RequestID: fmt.Sprint("req_", c[0].Task), At: start})
	items := h.items(b.Number, c[0].Key)
	if len(items) != 1 || items[0].ID != odd || items[0].Window != "w" || items[0].Task.Agent != odd {
		l.Errorf("got %+v", items)
	}
	other.write(&store.FinishLine{HeldLine: held(c[0]), Mismatch: odd})
	if items := h.items(b.Number, c[0].Key); items[0].Mismatch != odd {
		l.Errorf("got %+v", items)
	}
	_, err = h.Prunable(l.ctx(), store.Limits{Before: start.Add(time.Hour), Open: true})
	l.must(err)
}
