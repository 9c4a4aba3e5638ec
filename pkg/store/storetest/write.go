package storetest

import (
	"time"

	"github.com/narada-cli/narada/pkg/store"
)

var writeTests = []test{
	{"Each change is durable, and repeating it changes nothing", eachChangeIsDurable},
	{"Changes of one call are applied in order", togetherInOrder},
	{"Changes of one call are applied atomically", wholeOrNotAtAll},
	{"A call without changes does nothing", nothingToWrite},
	{"A closed ledger returns errors", closedTakesNothing},
	{"A second intent with the same ticket is an error", intentWithTheSameTicket},
}

const target = "http://localhost:3000/hook"

// writeSomeOfEach writes one change of each kind, and returns the numbers of its batch and
// of its task without an ID.
func writeSomeOfEach(h handle) (batch, open int64) {
	h.accepted("done", "req_done")
	h.write(&store.Deliver{Delivery: callback("done", final("req_done", "done", "42")), Forwarding: store.Forwarding{Listener: "a", Targets: []string{target, "gone"}}})
	h.accepted("waiting", "req_waiting")
	h.deliver("waiting", phase("req_waiting", "waiting"))
	h.deliver("elsewhere", final("req_elsewhere", "elsewhere", "43"))
	put := &store.PutBatch{Batch: store.Batch{Name: "jobs", BegunAt: start, Input: "jobs.txt", Cloud: "https://api.example.com", Lines: 2}}
	h.write(put)
	line := &store.Intend{Intent: intent("line")}
	line.Item = store.Item{Batch: put.Number, Key: []byte("key"), Line: 1, ID: "a"}
	h.write(line)
	return put.Number, h.intend("open")
}

func eachChangeIsDurable(l ledger) {
	first := l.open()
	batch, open := writeSomeOfEach(first)
	later := start.Add(time.Hour)
	for _, change := range []struct {
		name string
		op   store.Op
	}{
		{"PutBatch", &store.PutBatch{Batch: store.Batch{Number: batch, Name: "jobs", Input: "other.txt", Cloud: "https://other.example", Lines: 3}}},
		{"Accept", &store.Accept{Task: open, RequestID: "req_open", At: later}},
		{"AcceptTwice", &store.AcceptTwice{Task: open, RequestID: "req_twice", At: later}},
		{"Poll", &store.Poll{Result: polled(`{"requestId":"req_open","status":"input-required","hitlInputMetadata":{"inputId":"input_2"}}`), At: later}},
		{"Poll, of the end", &store.Poll{Result: polledFinal("req_open", "no"), At: later}},
		{"Refuse", &store.Refuse{Task: first.intend("refused"), Failure: "422", At: later}},
		{"Deliver", &store.Deliver{Delivery: callback("waiting", final("req_waiting", "waiting", "44")), Forwarding: store.Forwarding{Listener: "a", Targets: []string{target}}}},
		{"ForwardEnded", &store.ForwardEnded{Forward: store.Forward{Seq: 1, Target: target, State: store.ForwardFailed, StatusCode: 503, Failure: "answered 503", EndedAt: later}}},
		{"MoveForward", &store.MoveForward{Seq: 1, From: target, To: "http://localhost:4000/"}},
		{"AdoptForwards", &store.AdoptForwards{Target: "gone", From: "a", To: "b"}},
		{"PlaceItem", &store.PlaceItem{Batch: batch, Key: []byte("key"), Line: 2}},
		{"SetMismatch", &store.SetMismatch{Batch: batch, Key: []byte("key"), Mismatch: `["a"]`}},
	} {
		before := everything(first)
		first.write(change.op)
		after := everything(first)
		if before == after {
			l.Errorf("%s: nothing has changed", change.name)
		}
		other := l.open()
		l.same(change.name+", in another process", after, everything(other))
		other.close()
		first.write(change.op)
		l.same(change.name+", the second time", after, everything(first))
		first.close()
		first = l.open()
		l.same(change.name+", after a start", after, everything(first))
	}
}

// everything returns the listing and the listeners with waiting callbacks.
func everything(h handle) string {
	h.t.Helper()
	text := h.listing()
	for _, target := range []string{target, "gone"} {
		names, err := h.ForwardListeners(h.ctx(), target)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, name := range names {
			text += target + " " + name + "\n"
		}
	}
	return text
}

func togetherInOrder(l ledger) {
	var reported []string
	h := l.openTelling(func(e store.Entry) { reported = append(reported, e.Result.RequestID+" "+e.Result.Text()) })
	first, second := &store.Intend{Intent: intent("a")}, &store.Intend{Intent: intent("b")}
	one, again := &store.Deliver{Delivery: callback("a", final("req_1", "a", "42"))}, &store.Deliver{Delivery: callback("a", final("req_1", "a", "42"))}
	h.write(first, one, second, again, &store.Deliver{Delivery: callback("b", phase("req_2", "b"))})
	if !one.IsNew || again.IsNew {
		l.Errorf("new: the first %v, its repeat %v", one.IsNew, again.IsNew)
	}
	l.same("told of", []string{"req_1 42", "req_2 "}, reported)
	l.same("tasks", []string{"req_2", "req_1"}, h.ids(store.Query{}))
	if t := h.task("req_1"); t.Number != first.Number || t.Open() {
		l.Errorf("the first is %+v", t)
	}
	if t := h.task("req_2"); t.Number != second.Number || t.Way != "callback" {
		l.Errorf("the second is %+v", t)
	}
}

func wholeOrNotAtAll(l ledger) {
	var reported []string
	h := l.openTelling(func(e store.Entry) { reported = append(reported, e.Result.RequestID) })
	number := h.accepted("a", "req_1")
	before := h.listing()
	err := h.Write(h.ctx(),
		&store.Deliver{Delivery: callback("b", final("req_2", "b", "42"))},
		&store.Refuse{Task: h.intend("c"), At: start},
		&store.Intend{Intent: intent("d")},
		&store.Intend{Intent: intent("a")}, // its ticket exists already
	)
	if err == nil {
		l.Fatal("no error")
	}
	h.write(&store.Refuse{Task: number + 1000, At: start}) // there is no such task
	if _, ok, err := h.Ticket(h.ctx(), ticket("d").Path); ok || err != nil {
		l.Errorf("the ticket of a task that was not written is valid: %v, %v", ok, err)
	}
	l.same("told of", []string(nil), reported)
	for _, t := range h.tasks(store.Query{}) {
		if t.Prompt == "prompt of c" && t.Status != store.StatusUnknown {
			l.Errorf("one of the changes was written: %+v", t)
		}
	}
	if !h.deliver("b", final("req_2", "b", "42")) {
		l.Error("a callback that was not stored is taken for a repeat")
	}
	if after := h.listing(); after == before {
		l.Error("later changes fail")
	}
}

func nothingToWrite(l ledger) {
	h := l.open()
	h.write()
	if tasks := h.tasks(store.Query{}); len(tasks) > 0 {
		l.Errorf("got %+v", tasks)
	}
}

func closedTakesNothing(l ledger) {
	h := l.open()
	h.close()
	for _, op := range []store.Op{&store.Deliver{Delivery: callback("a", final("req_1", "a", "42"))}, &store.Intend{Intent: intent("a")}} {
		if h.Write(h.ctx(), op) == nil {
			l.Errorf("%T: no error", op)
		}
	}
}

func intentWithTheSameTicket(l ledger) {
	h := l.open()
	h.intend("a")
	if err := h.Write(h.ctx(), &store.Intend{Intent: intent("a")}); err == nil {
		l.Error("no error")
	}
	none := store.Intent{Source: "run", At: start}
	h.write(&store.Intend{Intent: none}, &store.Intend{Intent: none}) // many may have no ticket
	if got := len(h.tasks(store.Query{})); got != 3 {
		l.Errorf("%d tasks", got)
	}
	if _, ok, err := h.Ticket(h.ctx(), ""); ok || err != nil {
		l.Errorf("no path is a ticket: %v, %v", ok, err)
	}
}
