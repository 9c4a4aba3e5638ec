package storetest

import (
	"errors"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/webhook"
)

var taskTests = []test{
	{"A task is stored from its intent to its end", fromIntentToEnd},
	{"A callback proves that a task was accepted", callbackProvesAcceptance},
	{"A callback with a known request ID belongs to that task", callbackOfAKnownTask},
	{"A poll changes only an unfinished task", pollEndsATask},
	{"A refused task has the reason", refusedTask},
	{"An accepted task cannot be refused", acceptedTaskIsNotRefused},
	{"Each task of a request that was accepted twice has its own callbacks", acceptedTwice},
	{"The second task of a request does not change the first", secondTaskOfARequest},
	{"A request ID belongs to one task", reusedID},
	{"Callbacks add a task that was sent elsewhere", taskOfElsewhere},
	{"A task whose callback arrives before its acceptance is one task", elsewhereIsOurs},
	{"Newest returns the newest task that has an ID", newestTask},
	{"A task's number is never reused", numbersAreNotUsedAgain},
	{"Every process knows the tickets", anyProcessKnowsTheTickets},
}

func fromIntentToEnd(l ledger) {
	h, other := l.open(), l.open()
	number := h.intend("a")
	want := store.Task{
		Number: number, Source: "run", Cloud: "https://api.example.com", Prompt: "prompt of a", Status: store.StatusUnknown, DispatchedAt: start,
		Machine: "here", Agent: "operator", CloudSession: "session_1", Parent: "req_parent", TicketPath: "/narada/a",
	}
	check := func(when string) {
		l.Helper()
		l.same(when, []store.Task{want}, h.tasks(store.Query{}))
		l.same(when+", in another process", []store.Task{want}, other.tasks(store.Query{}))
		got, ok, err := h.Numbered(l.ctx(), number)
		l.must(err)
		if l.same(when+", by its number", want, got); !ok {
			l.Errorf("%s: not found by its number", when)
		}
	}
	check("intended")
	h.write(&store.Accept{Task: number, RequestID: "req_1", At: start})
	want.RequestID, want.Status = "req_1", narada.StatusPending
	check("accepted")
	h.deliver("a", phase("req_1", "a"))
	want.Status, want.Way = narada.StatusInputRequired, "callback"
	check("a phase")
	other.deliver("a", final("req_1", "a", "42"))
	want.Status, want.FinishedAt, want.Took = narada.StatusSuccess, start, 4500*time.Millisecond
	check("finished")

	if got := h.answer("req_1"); got != "42" {
		l.Errorf("the answer is %q", got)
	}
	body, err := h.Request(l.ctx(), h.task("req_1"))
	l.must(err)
	if string(body) != `{"prompt":"/Operator prompt of a"}` {
		l.Errorf("the request is %s", body)
	}
	for _, id := range []string{"", "req_2"} {
		if _, ok, err := h.Task(l.ctx(), id); ok || err != nil {
			l.Errorf("%q: found %v, %v", id, ok, err)
		}
	}
}

func callbackProvesAcceptance(l ledger) {
	h := l.open()
	number := h.intend("a")
	h.deliver("a", final("req_1", "a", "42"))
	if t := h.task("req_1"); t.Number != number || t.Open() || t.Source != "run" {
		l.Errorf("got %+v", t)
	}
	h.write(&store.Accept{Task: number, RequestID: "req_1", At: start}) // the answer arrives late
	if t := h.task("req_1"); t.Number != number || t.Status != narada.StatusSuccess {
		l.Errorf("got %+v", t)
	}
}

// A callback may have arrived at another address before.
func callbackOfAKnownTask(l ledger) {
	h := l.open()
	h.Share(ticket("shared"))
	h.deliver("shared", phase("req_1", "shared"))
	h.tasks(store.Query{})
	number := h.intend("a")
	if !h.deliver("a", final("req_1", "a", "42")) {
		l.Error("it is a repeat")
	}
	h.write(&store.Accept{Task: number, RequestID: "req_1", At: start})
	if t := h.task("req_1"); t.Number != number || t.Open() || h.answer("req_1") != "42" {
		l.Errorf("got %+v", t)
	}
	if got := h.ids(store.Query{}); len(got) != 1 {
		l.Errorf("got %v", got)
	}
}

func pollEndsATask(l ledger) {
	h := l.open()
	h.accepted("a", "req_1")
	h.deliver("a", phase("req_1", "a"))
	h.write(&store.Poll{Result: polledFinal("req_1", "no"), At: start.Add(time.Minute)})
	t := h.task("req_1")
	if t.Way != "poll" || t.Status != narada.StatusError || !t.FinishedAt.Equal(start.Add(time.Minute)) || t.Took != 5*time.Second {
		l.Errorf("got %+v", t)
	}
	if got := h.answer("req_1"); got != "no" {
		l.Errorf("the answer is %q", got)
	}
	before := h.listing()
	h.write(&store.Poll{Result: polledFinal("req_1", "late"), At: start.Add(time.Hour)}, &store.Poll{Result: polledFinal("req_none", "x"), At: start},
		&store.Poll{Result: polled(`{"requestId":"req_1","status":"pending"}`), At: start})
	l.same("after a late poll", before, h.listing())
	h.deliver("a", final("req_1", "a", "the callback's")) // which has more fields
	if got := h.answer("req_1"); got != "the callback's" {
		l.Errorf("the answer is %q", got)
	}
	if t := h.task("req_1"); t.Way != "poll" {
		l.Errorf("got %+v", t)
	}
}

func refusedTask(l ledger) {
	h := l.open()
	number := h.intend("a")
	h.write(&store.Refuse{Task: number, Failure: "422", At: start})
	t, ok, err := h.Numbered(l.ctx(), number)
	l.must(err)
	if !ok || t.Status != store.StatusRefused || t.Failure != "422" || t.Open() || t.RequestID != "" {
		l.Errorf("got %+v", t)
	}
}

func acceptedTaskIsNotRefused(l ledger) {
	h := l.open()
	number := h.accepted("a", "req_1")
	h.write(&store.Refuse{Task: number, At: start})
	if t := h.task("req_1"); t.Status != narada.StatusPending {
		l.Errorf("got %+v", t)
	}
}

// The answer to the dispatch, the callbacks and reads of the ledger may come in any order.
func acceptedTwice(l ledger) {
	h := l.open()
	accept := func(number int64, name string) {
		h.write(&store.Accept{Task: number, RequestID: "told_" + name, At: start})
	}
	own := func(_ int64, name string) { h.deliver(name, final("told_"+name, name, "told")) }
	other := func(_ int64, name string) { h.deliver(name, final("other_"+name, name, "other")) }
	read := func(int64, string) { h.tasks(store.Query{}) }
	type step = func(int64, string)
	for name, steps := range map[string][]step{
		"answer-other-own":      {accept, other, own},
		"answer-other-read-own": {accept, other, read, own},
		"own-answer-other":      {own, accept, other},
		"own-other-answer":      {own, other, accept},
		"own-other-read-answer": {own, other, read, accept},
		"answer-own-other":      {accept, own, other},
	} {
		number := h.intend(name)
		for _, step := range steps {
			step(number, name)
		}
		for id, source := range map[string]string{"told_": "run", "other_": store.SourceCallback} {
			t := h.task(id + name)
			if t.Source != source || t.Prompt != "prompt of "+name || t.Agent != "operator" || t.Open() || h.answer(id+name) != strings.TrimSuffix(id, "_") {
				l.Errorf("%s, %s: %+v with %q", name, id, t, h.answer(id+name))
			}
		}
	}
	if _, err := h.Prune(l.ctx(), store.Limits{Before: start.Add(time.Hour)}); err != nil {
		l.Fatal(err)
	}
	for seq := range int64(12) {
		if _, ok, err := h.Callback(l.ctx(), seq+1); ok || err != nil {
			l.Errorf("callback %d was found, %v", seq+1, err)
		}
	}
}

func secondTaskOfARequest(l ledger) {
	h := l.open()
	number := h.intend("a")
	h.deliver("a", phase("req_first", "a"))
	h.deliver("a", phase("req_second", "a"))
	h.tasks(store.Query{})
	h.write(&store.Accept{Task: number, RequestID: "req_second", At: start}, &store.AcceptTwice{Task: number, RequestID: "req_second", At: start})
	h.deliver("a", final("req_second", "a", "second"))
	if t := h.task("req_first"); !t.Open() || t.Number != number {
		l.Errorf("the first is %+v", t)
	}
	if t := h.task("req_second"); t.Open() || t.Source != "run" || t.Prompt != "prompt of a" || t.Machine != "here" || t.TicketPath != "" {
		l.Errorf("the second is %+v", t)
	}
}

func reusedID(l ledger) {
	h := l.open()
	first := h.accepted("a", "req_1")
	second := h.intend("b")
	err := h.Write(l.ctx(), &store.Accept{Task: second, RequestID: "req_1", At: start})
	if reused, ok := errors.AsType[*store.ReusedIDError](err); !ok || reused.Task != first || reused.RequestID != "req_1" {
		l.Errorf("got %v", err)
	}
	if t := h.task("req_1"); t.Number != first {
		l.Errorf("it is the ID of %+v", t)
	}
	h.write(&store.Accept{Task: first, RequestID: "req_1", At: start}) // the same again is no error
}

func taskOfElsewhere(l ledger) {
	h := l.open()
	h.Share(ticket("shared"))
	h.deliver("shared", phase("req_1", "shared"))
	h.deliver("shared", final("req_1", "shared", "42"))
	h.deliver("shared", phase("req_2", "shared"))
	got := h.tasks(store.Query{})
	if len(got) != 2 || got[0].Number <= got[1].Number {
		l.Fatalf("got %+v", got)
	}
	l.same("tasks", []store.Task{
		{Number: got[0].Number, RequestID: "req_2", Source: "callback", Status: narada.StatusInputRequired, Way: "callback", DispatchedAt: start},
		{Number: got[1].Number, RequestID: "req_1", Source: "callback", Status: narada.StatusSuccess, Way: "callback", DispatchedAt: start, FinishedAt: start, Took: 4500 * time.Millisecond},
	}, got)
	if body, err := h.Request(l.ctx(), got[0]); len(body) > 0 || err != nil {
		l.Errorf("its request is %s, %v", body, err)
	}
	h.deliver("shared", question("req_1", "shared", "late"))
	l.same("after a late callback", got[1], h.task("req_1"))
}

// The answer to the dispatch arrives after a callback at a shared address.
func elsewhereIsOurs(l ledger) {
	h := l.open()
	h.Share(ticket("shared"))
	d := callback("shared", final("req_1", "shared", "42"))
	d.ReceivedAt = start.Add(time.Second)
	h.write(&store.Deliver{Delivery: d, Forwarding: store.Forwarding{Listener: "x", Targets: []string{target}}})
	h.write(&store.ForwardEnded{Forward: store.Forward{Seq: 1, Target: target, State: store.ForwardDelivered, EndedAt: start.Add(time.Second)}})
	ours := &store.Intend{Intent: store.Intent{Source: "dispatch", Prompt: "ours", At: start}}
	h.write(ours)
	h.write(&store.Accept{Task: ours.Number, RequestID: "req_1", At: start.Add(2 * time.Second)})
	t := h.task("req_1")
	if t.Number != ours.Number || t.Prompt != "ours" || t.Status != narada.StatusSuccess || t.Open() || h.answer("req_1") != "42" {
		l.Errorf("got %+v", t)
	}
	if got := h.ids(store.Query{}); len(got) != 1 {
		l.Errorf("got %v", got)
	}
	l.same("events", []string{"dispatched", "callback-delivered req_1 success", "forward-attempted req_1 " + target + " forwarded 1", "accepted req_1"}, h.eventsOf("req_1"))
}

func newestTask(l ledger) {
	h := l.open()
	if t, ok, err := h.Newest(l.ctx()); ok || err != nil {
		l.Errorf("got %+v, %v", t, err)
	}
	h.accepted("a", "req_1")
	h.accepted("b", "req_2")
	h.intend("c")
	if t, ok, err := h.Newest(l.ctx()); !ok || err != nil || t.RequestID != "req_2" {
		l.Errorf("got %+v, %v", t, err)
	}
}

// A line whose task was pruned must not get the task of another line.
func numbersAreNotUsedAgain(l ledger) {
	h := l.open()
	last := h.accepted("a", "req_1")
	h.deliver("a", final("req_1", "a", "42"))
	events, err := h.Events(l.ctx(), h.task("req_1"))
	l.must(err)
	if n, err := h.Prune(l.ctx(), store.Limits{Before: start.Add(time.Hour)}); n != 1 || err != nil {
		l.Fatalf("%d were pruned, %v", n, err)
	}
	seq, err := h.Last(l.ctx())
	l.must(err)
	h.close()
	h = l.open()
	if number := h.accepted("b", "req_2"); number <= last {
		l.Errorf("the task has number %d, after %d", number, last)
	}
	h.deliver("b", final("req_2", "b", "42"))
	if again, err := h.Last(l.ctx()); again <= max(seq, 1) || err != nil {
		l.Errorf("the callback has number %d, after %d, %v", again, seq, err)
	}
	more, err := h.Events(l.ctx(), h.task("req_2"))
	l.must(err)
	if more[0].Number <= events[1].Number || events[1].Number <= events[0].Number || events[0].Number <= 0 { // dispatched and accepted
		l.Errorf("the events have numbers %+v, after %+v", more, events)
	}
}

func anyProcessKnowsTheTickets(l ledger) {
	h, other := l.open(), l.open()
	h.intend("a")
	check := func(by handle, when string) {
		l.Helper()
		got, ok, err := by.Ticket(l.ctx(), ticket("a").Path)
		l.must(err)
		if !ok {
			l.Fatalf("%s: the ticket is not known", when)
		}
		d := callback("a", final("req_1", "a", "42"))
		if _, err := webhook.Verify(got, d.Header, d.Body); err != nil {
			l.Errorf("%s: with its credentials: %v", when, err)
		}
		d.Header.Set("Authorization", "Bearer guess")
		if _, err := webhook.Verify(got, d.Header, d.Body); err != webhook.ErrHeader {
			l.Errorf("%s: without its credentials: %v", when, err)
		}
	}
	check(h, "in its process")
	check(other, "before")
	other.deliver("a", final("req_1", "a", "42"))
	check(l.open(), "after the end")
	if _, ok, err := h.Ticket(l.ctx(), "/narada/other"); ok || err != nil {
		l.Errorf("a ticket that was never issued is valid: %v", err)
	}
}
