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
	{"Others read and write while Prune runs", pruneBesideOthers},
	{"Maintenance deletes what has finished long ago, in steps", maintainSteps},
	{"Maintenance is done once for all processes", maintainOnce},
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

// old adds that many tasks that have finished long ago.
func (h handle) old(count int) {
	h.t.Helper()
	intends := make([]store.Op, count)
	for i := range intends {
		intends[i] = &store.Intend{Intent: store.Intent{Source: "run", Prompt: "old", At: start}}
	}
	h.write(intends...)
	var refusals []store.Op
	for _, op := range intends {
		refusals = append(refusals, &store.Refuse{Task: op.(*store.Intend).Number, At: start})
	}
	h.write(refusals...)
}

// A process that is in the middle of the list of tasks writes and reads until Prune has
// ended, and then reads the rest.
func pruneBesideOthers(l ledger) {
	h, other := l.open(), l.open()
	h.old(1200)
	h.write(&store.Intend{Intent: store.Intent{Source: "run", Prompt: "young", At: time.Now()}})
	read, written := 0, 0
	err := other.Tasks(l.ctx(), store.Query{}, func(store.Task) error {
		if read++; read == 1 {
			written = other.writeUntil(h.pruned(store.Limits{Before: start.Add(time.Hour)}), 1200)
		}
		return nil
	})
	l.must(err)
	if got := len(h.tasks(store.Query{})); got != 1+written {
		l.Errorf("%d tasks, after %d were written; %d were read", got, written, read)
	}
}

// pruned prunes in the background.
func (h handle) pruned(limits store.Limits) <-chan int64 {
	done := make(chan int64, 1)
	go func() {
		count, err := h.Prune(h.ctx(), limits)
		if err != nil {
			h.t.Error(err)
		}
		done <- count
	}()
	return done
}

// writeUntil writes and reads tasks until that many were pruned.
func (h handle) writeUntil(pruned <-chan int64, want int64) (written int) {
	h.t.Helper()
	for {
		op := &store.Intend{Intent: store.Intent{Source: "run", Prompt: "meanwhile", At: start}} // as by a clock that is late
		h.write(op)
		written++
		if _, ok, err := h.Numbered(h.ctx(), op.Number); !ok || err != nil {
			h.t.Fatalf("task %d was not found: %v", op.Number, err)
		}
		select {
		case count := <-pruned:
			if count != want {
				h.t.Errorf("%d went", count)
			}
			return written
		default:
		}
	}
}

// maintain does steps of maintenance until a pass has been done, as a Store in the background
// does.
func (h handle) maintain(retention time.Duration) (steps int) {
	h.t.Helper()
	for began := time.Now(); ; {
		before := len(h.tasks(store.Query{}))
		more, err := h.Maintain(h.ctx(), retention)
		if err != nil {
			h.t.Fatal(err)
		}
		switch gone := before - len(h.tasks(store.Query{})); {
		case gone > 200:
			h.t.Fatalf("%d tasks went in a step", gone)
		case more:
			steps++
		case steps == 0 || gone > 0:
			return steps + 1
		case time.Since(began) > 10*time.Second:
			h.t.Fatal("the pass has no end")
		}
	}
}

func maintainSteps(l ledger) {
	h := l.open()
	h.old(250)
	h.Share(ticket("shared"))
	h.accepted("open", "req_open")
	h.accepted("late", "req_late")
	h.write(&store.Poll{Result: polledFinal("req_late", "x"), At: time.Now()}) // has finished now
	h.accepted("done", "req_done")
	h.deliver("done", final("req_done", "done", "42"))
	h.deliverTo("req_waiting", "a")
	h.deliverTo("req_forwarded", "a")
	h.write(&store.ForwardEnded{Forward: store.Forward{Seq: 3, Target: target, State: store.ForwardDelivered, EndedAt: start}})
	batch, keys := h.batch("jobs", 3) // the first has ended
	kept := []string{"req_jobs_2", "req_jobs_1", "req_waiting", "req_late", "req_open"}
	if all := len(h.tasks(store.Query{})); all != 250+5+3 {
		l.Fatalf("%d tasks", all)
	}
	h.maintain(0)
	if all := len(h.tasks(store.Query{})); all != 250+5+3 {
		l.Fatalf("%d tasks remain without a retention", all)
	}
	if steps := h.maintain(24 * time.Hour); steps < 3 {
		l.Errorf("%d steps", steps)
	}
	l.same("tasks", kept, h.ids(store.Query{}))
	l.same("waiting", []string{"req_waiting"}, h.waiting("a", 0, 10))
	if items := h.items(batch, keys...); len(items) != 3 {
		l.Errorf("the batch has %d lines", len(items))
	}
	for _, seq := range []int64{1, 3} {
		if _, ok, err := h.Callback(l.ctx(), seq); ok || err != nil {
			l.Errorf("callback %d was found, %v", seq, err)
		}
	}
}

func maintainOnce(l ledger) {
	h, other := l.open(), l.open()
	h.old(1)
	other.maintain(0) // has no retention, and leaves it to others
	h.maintain(24 * time.Hour)
	if remaining := len(h.tasks(store.Query{})); remaining != 0 {
		l.Fatalf("%d tasks remain", remaining)
	}
	h.old(1)
	for _, by := range []handle{other, h, l.open()} {
		if more, err := by.Maintain(l.ctx(), 24*time.Hour); more || err != nil {
			l.Errorf("got %v, %v", more, err)
		}
	}
	if remaining := len(h.tasks(store.Query{})); remaining != 1 {
		l.Error("it was done again at once")
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
