package storetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

var batchTests = []test{
	{"A batch is found by its name", batchByName},
	{"The lines of a batch are stored and read in order", batchLines},
	{"The lines of a batch are counted by the status of their tasks", batchTally},
	{"A new task for a line replaces the previous one", anotherTaskForALine},
	{"Lines have their positions in the current input", placesOfLines},
	{"Tasks are found by their batch", tasksOfABatch},
	{"Lines are found by how they stand", linesAreFound},
	{"A restarted batch has no lines", restartBatch},
	{"Deleting a batch keeps its tasks", deleteBatch},
}

// batch adds a batch with that many lines; every third task has finished. The order of
// the keys is not that of the lines.
func (h handle) batch(name string, lines int) (number int64, keys [][]byte) {
	h.t.Helper()
	put := &store.PutBatch{Batch: store.Batch{Name: name, BegunAt: start, Input: name + ".txt", Cloud: "https://api.example.com", Lines: lines}}
	h.write(put)
	intents, ends := make([]*store.Intend, lines), []store.Op{}
	for i := range lines {
		key := fmt.Appendf(nil, "%s-%04d", name, lines-i)
		keys = append(keys, key)
		op := &store.Intend{Intent: intent(string(key))}
		op.Source, op.Item = "batch", store.Item{Batch: put.Number, Key: key, Line: i + 1, ID: fmt.Sprint("id", i)}
		op.Body = []byte(`{"callbackUrl":"https://a.example` + op.Ticket.Path + `","browserWindowId":"w"}`)
		intents[i] = op
	}
	h.write(opsOf(intents)...)
	for i, op := range intents {
		id := fmt.Sprintf("req_%s_%d", name, i)
		ends = append(ends, &store.Accept{Task: op.Number, RequestID: id, At: start})
		if i%3 == 0 {
			ends = append(ends, &store.Deliver{Delivery: callback(string(keys[i]), final(id, string(keys[i]), "42"))})
		}
	}
	h.write(ends...)
	return put.Number, keys
}

func opsOf[T store.Op](list []T) (ops []store.Op) {
	for _, op := range list {
		ops = append(ops, op)
	}
	return ops
}

func (h handle) items(batch int64, keys ...[]byte) []store.ItemTask {
	h.t.Helper()
	list, err := h.Items(h.ctx(), batch, keys)
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

func (h handle) tally(batch int64) store.Tally {
	h.t.Helper()
	tally, err := h.Tally(h.ctx(), batch)
	if err != nil {
		h.t.Fatal(err)
	}
	return tally
}

// place calls PlaceItems.
func (h handle) place(batch int64, items ...store.Item) (known, changed, gone int) {
	h.t.Helper()
	known, changed, gone, err := h.PlaceItems(h.ctx(), batch, items)
	if err != nil {
		h.t.Fatal(err)
	}
	return known, changed, gone
}

func batchByName(l ledger) {
	h := l.open()
	want := store.Batch{Name: "jobs", BegunAt: start, Input: "jobs.txt", Cloud: "https://api.example.com", Lines: 2}
	put := &store.PutBatch{Batch: want}
	h.write(put)
	want.Number = put.Number
	got, ok, err := l.open().Batch(l.ctx(), "jobs")
	l.must(err)
	if l.same("the batch", want, got); !ok || want.Number == 0 {
		l.Error("it is not found")
	}
	if h.Write(l.ctx(), &store.PutBatch{Batch: store.Batch{Name: "jobs"}}) == nil {
		l.Error("there are two batches of one name")
	}
	if _, ok, err := h.Batch(l.ctx(), "none"); ok || err != nil {
		l.Errorf("found %v, %v", ok, err)
	}
}

func batchLines(l ledger) {
	h := l.open()
	h.batch("other", 2)
	const lines = 300 // more than an engine reads at once
	number, keys := h.batch("jobs", lines)
	if items := h.items(number, append(keys, []byte("none"))...); len(items) != lines {
		l.Errorf("%d lines", len(items))
	}
	if items := h.items(number); len(items) != 0 {
		l.Errorf("%d of no lines", len(items))
	}
	line := 0
	l.must(h.EachItem(l.ctx(), number, func(i store.ItemTask) error {
		if line++; i.Line != line || i.ID != fmt.Sprint("id", line-1) || i.Task.RequestID != fmt.Sprintf("req_jobs_%d", line-1) || i.Task.Prompt != "" || i.Task.Batch != number {
			l.Errorf("line %d is %+v", line, i)
		}
		if open := (line-1)%3 != 0; open != i.Task.Open() || open != strings.HasPrefix(i.CallbackURL, "https://a.example/narada/jobs-") || open != (i.Window == "w") {
			l.Errorf("line %d: %+v", line, i)
		}
		return nil
	}))
	if line != lines {
		l.Errorf("%d lines", line)
	}
	stop := fmt.Errorf("stop")
	if err := h.EachItem(l.ctx(), number, func(store.ItemTask) error { return stop }); err != stop {
		l.Errorf("got %v", err)
	}
}

func batchTally(l ledger) {
	h := l.open()
	first, _ := h.batch("first", 2)
	second, keys := h.batch("second", 4)
	var names []string
	l.must(h.Batches(l.ctx(), func(b store.Batch, t store.Tally) error {
		names = append(names, fmt.Sprint(b.Name, " ", t.Sent()))
		return nil
	}))
	l.same("batches", []string{"second 4", "first 2"}, names)
	l.same("the first", store.Tally{narada.StatusSuccess: 1, narada.StatusPending: 1}, h.tally(first))
	h.write(&store.SetMismatch{Batch: second, Key: keys[0], Mismatch: `["a"]`}, &store.SetMismatch{Batch: second, Key: keys[1], Mismatch: `["of one that has not succeeded"]`})
	l.same("the second", store.Tally{narada.StatusSuccess: 1, store.StatusMismatch: 1, narada.StatusPending: 2}, h.tally(second))
	if got := h.items(second, keys[0])[0].Mismatch; got != `["a"]` {
		l.Errorf("got %q", got)
	}
	h.write(&store.SetMismatch{Batch: second, Key: keys[0]})
	l.same("the second", store.Tally{narada.StatusSuccess: 2, narada.StatusPending: 2}, h.tally(second))
}

func linesAreFound(l ledger) {
	h := l.open()
	h.batch("other", 4)
	number, keys := h.batch("jobs", 6) // the first and the fourth have finished
	h.write(&store.Poll{Result: polledFinal("req_jobs_1", "no"), At: start}, &store.Poll{Result: polledFinal("req_jobs_2", "no"), At: start},
		&store.SetMismatch{Batch: number, Key: keys[3], Mismatch: `{"schemaErrors":["a"]}`})
	again := &store.Intend{Intent: intent("again")} // of the third, which has failed before
	again.Item = store.Item{Batch: number, Key: keys[2], Line: 3, ID: "id2"}
	h.write(again)
	for name, test := range map[string]struct {
		query store.LineQuery
		want  []int
	}{
		"all":           {store.LineQuery{Limit: 10}, []int{1, 2, 3, 4, 5, 6}},
		"limit, after":  {store.LineQuery{After: 1, Limit: 2}, []int{2, 3}},
		"failed":        {store.LineQuery{Failed: true, Limit: 10}, []int{2, 4}},
		"failed, after": {store.LineQuery{Failed: true, After: 2, Limit: 10}, []int{4}},
		"open":          {store.LineQuery{Open: true, Limit: 10}, []int{3, 5, 6}},
		"slowest":       {store.LineQuery{Slowest: true, Limit: 2}, []int{2, 1}},
	} {
		test.query.Batch = number
		list, err := h.Lines(l.ctx(), test.query)
		l.must(err)
		var got []int
		for _, i := range list {
			if got = append(got, i.Line); i.Task.Prompt == "" || i.ID != fmt.Sprint("id", i.Line-1) {
				l.Errorf("%s: %+v", name, i)
			}
		}
		l.same(name, test.want, got)
	}
}

func anotherTaskForALine(l ledger) {
	h := l.open()
	number, keys := h.batch("jobs", 2)
	h.write(&store.SetMismatch{Batch: number, Key: keys[0], Mismatch: `["a"]`})
	again := &store.Intend{Intent: intent("again")}
	again.Item = store.Item{Batch: number, Key: keys[0], Line: 5, ID: "b", Content: []byte("new")}
	h.write(again)
	item := h.items(number, keys[0])[0]
	l.same("the line", store.Item{Batch: number, Key: keys[0], Line: 5, ID: "b"}, item.Item)
	if item.Task.Number != again.Number {
		l.Errorf("its task is %+v", item.Task)
	}
	if known, changed, _ := h.place(number, again.Item); known != 1 || changed != 0 {
		l.Error("its content is not the new one's")
	}
}

// Lines move, change and disappear; lines that have disappeared come last, and are not
// counted.
func placesOfLines(l ledger) {
	h := l.open()
	number, keys := h.batch("jobs", 3)
	sent := &store.Intend{Intent: intent("with ID")}
	sent.Item = store.Item{Batch: number, Key: []byte("with-id"), Line: 4, ID: "a", Content: []byte("first")}
	h.write(sent)
	item := sent.Item
	item.Content, item.Line = []byte("second"), 1
	for _, want := range []int{2, 0} { // the second time none has newly disappeared
		known, changed, gone := h.place(number, item, store.Item{Key: keys[0], Line: 3}, store.Item{Key: []byte("new"), Line: 2})
		if known != 2 || changed != 1 || gone != want {
			l.Errorf("%d are known, %d have changed, %d have disappeared", known, changed, gone)
		}
	}
	if known, changed, gone := h.place(number, store.Item{Key: []byte("new"), Line: 1}); known != 0 || changed != 0 || gone != 0 {
		l.Errorf("of another input %d are known, %d have changed, %d are gone", known, changed, gone)
	}
	var got []string
	l.must(h.EachItem(l.ctx(), number, func(i store.ItemTask) error {
		got = append(got, fmt.Sprint(i.Line, " ", i.ID))
		return nil
	}))
	l.same("lines", []string{"1 a", "3 id0", fmt.Sprint(store.GoneLine, " id2"), fmt.Sprint(store.GoneLine, " id1")}, got)
	l.same("tally", store.Tally{narada.StatusSuccess: 1, store.StatusUnknown: 1}, h.tally(number))
	if known, changed, gone := h.place(number+1, item); known != 0 || changed != 0 || gone != 0 {
		l.Errorf("of another batch %d are known, %d have changed, %d are gone", known, changed, gone)
	}
}

func tasksOfABatch(l ledger) {
	h := l.open()
	h.accepted("alone", "req_alone")
	first, _ := h.batch("first", 2)
	second, _ := h.batch("second", 1)
	l.same("of the first", []string{"req_first_1", "req_first_0"}, h.ids(store.Query{Batch: first}))
	l.same("of the second", []string{"req_second_0"}, h.ids(store.Query{Batch: second}))
	l.same("of the first, open", []string{"req_first_1"}, h.ids(store.Query{Batch: first, Open: true}))
	h.write(&store.AcceptTwice{Task: h.task("req_second_0").Number, RequestID: "req_twice", At: start.Add(time.Second)})
	l.same("with the second task of a line", []string{"req_twice", "req_second_0"}, h.ids(store.Query{Batch: second}))
}

func restartBatch(l ledger) {
	h := l.open()
	number, keys := h.batch("jobs", 3)
	other, otherKeys := h.batch("other", 1)
	before := len(h.tasks(store.Query{}))
	h.write(&store.RestartBatch{Batch: number, At: start.Add(time.Hour)})
	if items := h.items(number, keys...); len(items) != 0 {
		l.Errorf("lines: %+v", items)
	}
	if items := h.items(other, otherKeys...); len(items) != 1 {
		l.Errorf("lines of another batch: %+v", items)
	}
	b, ok, err := h.Batch(l.ctx(), "jobs")
	if !ok || err != nil || b.Number != number || !b.BegunAt.Equal(start.Add(time.Hour)) {
		l.Errorf("got %+v, %v", b, err)
	}
	if after := len(h.tasks(store.Query{})); after != before {
		l.Errorf("%d tasks, before %d", after, before)
	}
}

func deleteBatch(l ledger) {
	h := l.open()
	number, keys := h.batch("jobs", 3)
	h.batch("other", 1)
	before := len(h.tasks(store.Query{}))
	h.write(&store.DeleteBatch{Batch: number})
	if _, ok, err := h.Batch(l.ctx(), "jobs"); ok || err != nil {
		l.Errorf("it is there: %v", err)
	}
	if items := h.items(number, keys...); len(items) != 0 {
		l.Errorf("lines: %+v", items)
	}
	if _, ok, err := h.Batch(l.ctx(), "other"); !ok || err != nil {
		l.Errorf("the other is not there: %v", err)
	}
	if after := len(h.tasks(store.Query{})); after != before {
		l.Errorf("%d tasks, before %d", after, before)
	}
	if again, _ := h.batch("later", 1); again <= number {
		l.Errorf("its number is used again: %d after %d", again, number)
	}
}
