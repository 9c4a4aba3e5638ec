package storetest

import (
	"fmt"
	"net/http"
	"time"

	"github.com/narada-cli/narada/pkg/store"
)

var pruneTests = []test{
	{"Prune deletes old tasks within the limits", pruneLimits},
	{"Prune deletes all that belongs to a task", pruneAllOfATask},
	{"Prune keeps waiting callbacks unless open tasks are deleted too", pruneWaiting},
	{"Prune keeps the lines of a batch", pruneBatch},
	{"What Prune would delete is known before", prunable},
	{"Another process does not find a pruned task", pruneElsewhere},
}

func (h handle) prune(limits store.Limits) int64 {
	h.t.Helper()
	count, err := h.Prune(h.ctx(), limits)
	if err != nil {
		h.t.Fatal(err)
	}
	return count
}

func pruneLimits(l ledger) {
	for name, test := range map[string]struct {
		limits store.Limits
		want   []string
	}{
		"by age":           {store.Limits{Before: start.Add(90 * time.Minute)}, []string{"req_4", "req_3", "req_2", "req_0"}},
		"by number":        {store.Limits{Keep: 2}, []string{"req_4", "req_3", "req_0"}},
		"both, age":        {store.Limits{Keep: 1, Before: start.Add(150 * time.Minute)}, []string{"req_4", "req_3", "req_0"}},
		"both, number":     {store.Limits{Keep: 3, Before: start.Add(1000 * time.Hour)}, []string{"req_4", "req_3", "req_2", "req_0"}},
		"both, all recent": {store.Limits{Keep: 1, Before: start}, []string{"req_4", "req_3", "req_2", "req_1", "req_0"}},
		"nothing":          {store.Limits{}, []string{"req_4", "req_3", "req_2", "req_1", "req_0"}},
		"open ones too":    {store.Limits{Keep: 1, Open: true}, []string{"req_4"}},
		"more than are":    {store.Limits{Keep: 10}, []string{"req_4", "req_3", "req_2", "req_1", "req_0"}},
		"before the first": {store.Limits{Before: start}, []string{"req_4", "req_3", "req_2", "req_1", "req_0"}},
	} {
		h := l.open()
		h.prune(store.Limits{Before: start.Add(1000 * time.Hour), Open: true}) // the tasks of the previous test
		for i := range 5 {
			op := &store.Intend{Intent: intent(fmt.Sprint(i))}
			op.At = start.Add(time.Duration(i) * time.Hour)
			h.write(op)
			id := fmt.Sprintf("req_%d", i)
			h.write(&store.Accept{Task: op.Number, RequestID: id, At: start})
			if i > 0 { // the first is unfinished
				h.deliver(fmt.Sprint(i), final(id, fmt.Sprint(i), "42"))
			}
		}
		count := h.prune(test.limits)
		l.same(name, test.want, h.ids(store.Query{}))
		if int(count) != 5-len(test.want) {
			l.Errorf("%s: %d went", name, count)
		}
	}
}

func pruneAllOfATask(l ledger) {
	h := l.open()
	number := h.accepted("a", "req_1")
	h.accepted("b", "req_2")
	h.deliver("b", final("req_2", "b", "43"))
	h.Refuse(ticket("a").Path, store.Refusal{ReceivedAt: start, StatusCode: 401, Header: http.Header{}})
	h.write(&store.Deliver{Delivery: callback("a", final("req_1", "a", "42")), Forwarding: store.Forwarding{Listener: "x", Targets: []string{target}}})
	h.write(&store.ForwardEnded{Forward: store.Forward{Seq: 2, Target: target, State: store.ForwardFailed, EndedAt: start}})
	gone := h.task("req_1")
	refusals, err := h.Refusals(l.ctx(), gone)
	l.must(err)
	if len(refusals) != 1 {
		l.Fatalf("%d refusals", len(refusals))
	}
	if n := h.prune(store.Limits{Keep: 1}); n != 1 {
		l.Errorf("%d went", n)
	}
	if _, ok, err := h.Numbered(l.ctx(), number); ok || err != nil {
		l.Errorf("the task is there: %v", err)
	}
	if _, ok, err := h.Callback(l.ctx(), 2); ok || err != nil {
		l.Errorf("its callback was found: %v", err)
	}
	callbacks, err := h.Deliveries(l.ctx(), gone)
	l.must(err)
	forwards, err := h.Forwards(l.ctx(), gone)
	l.must(err)
	refusals, err = h.Refusals(l.ctx(), gone)
	l.must(err)
	events, err := h.Events(l.ctx(), gone)
	l.must(err)
	if len(callbacks)+len(forwards)+len(refusals)+len(events) > 0 {
		l.Errorf("found %+v, %+v, %+v, %+v", callbacks, forwards, refusals, events)
	}
	if got := h.answer("req_2"); got != "43" || len(h.eventsOf("req_2")) != 3 {
		l.Errorf("the other's answer is %q, its events %v", got, h.eventsOf("req_2"))
	}
}

func pruneWaiting(l ledger) {
	h := l.open()
	h.Share(ticket("shared"))
	h.deliverTo("req_1", "a")
	h.deliverTo("req_2", "a")
	h.write(&store.ForwardEnded{Forward: store.Forward{Seq: 1, Target: target, State: store.ForwardDelivered, EndedAt: start}})
	all := store.Limits{Before: start.Add(time.Hour)}
	if n := h.prune(all); n != 1 {
		l.Errorf("%d went", n)
	}
	l.same("waiting", []string{"req_2"}, h.waiting("a", 0, 10))
	all.Open = true
	if n := h.prune(all); n != 1 {
		l.Errorf("%d went", n)
	}
	l.same("counts", [3]int{0, 0, 0}, h.counts("", ""))
}

// A line whose task has been pruned is known all the same, so that it is not sent again.
func pruneBatch(l ledger) {
	h := l.open()
	number, keys := h.batch("jobs", 3) // the first has ended
	for _, open := range []bool{false, true} {
		h.prune(store.Limits{Before: start.Add(time.Hour), Open: open})
		h.intend(fmt.Sprint("of another batch", open))
	}
	if _, ok, err := h.Batch(l.ctx(), "jobs"); !ok || err != nil {
		l.Errorf("the batch is there: %v, %v", ok, err)
	}
	items := h.items(number, keys...)
	for _, i := range items {
		if i.Task.Number != 0 {
			l.Errorf("got %+v", i)
		}
	}
	if len(items) != 3 {
		l.Errorf("%d lines are known", len(items))
	}
	tally, err := h.Tally(l.ctx(), number)
	l.must(err)
	l.same("tally", store.Tally{"": 3}, tally)
}

func prunable(l ledger) {
	h := l.open()
	h.batch("jobs", 4) // the first and the last have ended
	h.batch("later", 1)
	h.Share(ticket("shared"))
	h.deliverTo("req_1", "a") // waits to be forwarded
	h.tasks(store.Query{})
	for name, test := range map[string]struct {
		limits store.Limits
		want   store.Prunable
	}{
		"none":     {store.Limits{}, store.Prunable{}},
		"old ones": {store.Limits{Before: start.Add(time.Hour)}, store.Prunable{Tasks: 3, Kept: 3, Batches: []string{"jobs", "later"}}},
		"all":      {store.Limits{Before: start.Add(time.Hour), Open: true}, store.Prunable{Tasks: 6, Open: 2, Waiting: 1, Batches: []string{"jobs", "later"}}},
		"not new":  {store.Limits{Keep: 2}, store.Prunable{Tasks: 2, Kept: 2, Batches: []string{"jobs"}}},
		"both":     {store.Limits{Keep: 2, Before: start}, store.Prunable{}},
	} {
		got, err := h.Prunable(l.ctx(), test.limits)
		l.must(err)
		l.same(name, test.want, got)
	}
	if n := h.prune(store.Limits{Keep: 2}); n != 2 {
		l.Errorf("%d went", n)
	}
}

func pruneElsewhere(l ledger) {
	h, other := l.open(), l.open()
	h.accepted("a", "req_1")
	h.deliver("a", final("req_1", "a", "42"))
	h.prune(store.Limits{Before: start.Add(time.Hour)})
	if _, ok, err := other.Ticket(l.ctx(), ticket("a").Path); ok || err != nil {
		l.Errorf("its ticket is valid: %v", err)
	}
	if !other.deliver("a", final("req_1", "a", "42")) {
		l.Error("its callback is a repeat")
	}
}
