package storetest

import (
	"fmt"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

var usageTests = []test{
	{"Usage is counted by time, agent and batch, exactly", usageIsCounted},
	{"Usage leaves out samples and what was dispatched before", usageIsLimited},
	{"The pace of a batch counts what finished in each span", paceIsCounted},
	{"The pace of a batch is that of its current lines and tasks", paceIsOfCurrentTasks},
	{"What was received and refused is listed, the newest first", receivedIsListed},
	{"The revision changes with everything that happens", revisionChanges},
}

// finalUsing is final with what the task used.
func finalUsing(id, name string, actions int, credits string) string {
	return fmt.Sprintf(`{"requestId":%q,"status":"success","completedAt":"2026-01-02T03:04:04Z","secret":%q,"usage":{"actions":%d,"credits":%s}}`, id, ticket(name).Secret, actions, credits)
}

// send adds a task that was dispatched then.
func (h handle) send(name, agent, source string, at time.Time) (number int64) {
	h.t.Helper()
	i := intent(name)
	i.Agent, i.Source, i.At = agent, source, at
	op := &store.Intend{Intent: i}
	h.write(op)
	h.write(&store.Accept{Task: op.Number, RequestID: "req_" + name, At: at})
	return op.Number
}

func usageIsCounted(l ledger) {
	h := l.open()
	put := &store.PutBatch{Batch: store.Batch{Name: "jobs", BegunAt: start, Lines: 1}}
	h.write(put)
	quarter := start.Truncate(store.UsageSpan)
	h.send("a", "core", "run", quarter)
	h.send("b", "operator", "run", quarter.Add(store.UsageSpan-time.Millisecond))
	h.send("c", "core", "run", quarter.Add(store.UsageSpan))
	of := intent("d")
	of.Source, of.Agent, of.At, of.Item = "batch", "", quarter.Add(store.UsageSpan), store.Item{Batch: put.Number, Key: []byte("k"), Line: 1}
	h.write(&store.Intend{Intent: of})

	h.deliver("a", finalUsing("req_a", "a", 3, "0.1"))
	h.deliver("b", finalUsing("req_b", "b", 4, "0.2"))
	h.write(&store.Poll{Result: polled(`{"requestId":"req_c","status":"error","completedAt":"2026-01-02T03:04:05Z","usage":{"actions":5,"credits":1.000001}}`), At: start})
	h.deliver("elsewhere", finalUsing("req_elsewhere", "elsewhere", 1, "0.7"))
	h.deliver("elsewhere", `{"requestId":"req_odd","status":"success","completedAt":"2026-01-02T03:04:04Z","secret":"`+ticket("elsewhere").Secret+`","usage":{"actions":-1,"credits":-2}}`)

	if t := h.task("req_c"); t.Actions != 5 || t.Credits != 1.000001 {
		l.Errorf("got %+v", t)
	}
	success, failed, unknown := narada.StatusSuccess, narada.StatusError, store.StatusUnknown
	for by, want := range map[store.UsageBy][]store.Usage{
		store.UsageByTime: {
			{At: quarter, Tasks: store.Tally{success: 4}, Actions: 8, Credits: 1},
			{At: quarter.Add(store.UsageSpan), Tasks: store.Tally{failed: 1, unknown: 1}, Actions: 5, Credits: 1.000001},
		},
		store.UsageByAgent: {
			{Tasks: store.Tally{success: 2, unknown: 1}, Actions: 1, Credits: 0.7},
			{Name: "core", Tasks: store.Tally{success: 1, failed: 1}, Actions: 8, Credits: 1.100001},
			{Name: "operator", Tasks: store.Tally{success: 1}, Actions: 4, Credits: 0.2},
		},
		store.UsageByBatch: {
			{Tasks: store.Tally{success: 4, failed: 1}, Actions: 13, Credits: 2.000001},
			{Name: "jobs", Tasks: store.Tally{unknown: 1}},
		},
	} {
		got, err := h.Usage(l.ctx(), time.Time{}, by)
		l.must(err)
		for i := range min(len(got), len(want)) {
			if by != store.UsageByTime {
				want[i].At = got[i].At
			}
		}
		l.same(string(by), want, got)
	}
}

func usageIsLimited(l ledger) {
	h := l.open()
	h.send("old", "core", "run", start)
	h.send("new", "core", "run", start.Add(time.Second))
	h.send("sample", "core", store.SourceTrigger, start.Add(time.Second))
	for since, want := range map[time.Time]int{{}: 2, start: 2, start.Add(time.Millisecond): 1, start.Add(time.Hour): 0} {
		list, err := h.Usage(l.ctx(), since, store.UsageByAgent)
		l.must(err)
		count := 0
		for _, u := range list {
			count += u.Tasks.Sent()
		}
		if count != want {
			l.Errorf("since %v: %d tasks of %d", since, count, want)
		}
	}
}

func revisionChanges(l ledger) {
	h, other := l.open(), l.open()
	seen := map[string]string{}
	step := func(what string) {
		revision, err := other.Revision(l.ctx())
		l.must(err)
		if before, known := seen[revision]; known {
			l.Errorf("%s: the revision is that after %s", what, before)
		}
		seen[revision] = what
		again, err := other.Revision(l.ctx())
		l.must(err)
		l.same("again after "+what, revision, again)
	}
	step("nothing")
	number := h.intend("a")
	step("an intent")
	h.write(&store.Accept{Task: number, RequestID: "req_a", At: start})
	step("an acceptance")
	h.deliver("a", phase("req_a", "a"))
	step("a phase")
	h.deliver("a", final("req_a", "a", "42"))
	step("a final callback")
	h.Refuse(ticket("a").Path, store.Refusal{ReceivedAt: start, StatusCode: 401, Reason: "wrong secret"})
	h.close() // it stores refusals later
	step("a refusal")
}

func paceIsCounted(l ledger) {
	h := l.open()
	none, _ := h.batch("none", 0)
	from, to, err := h.FinishTimes(l.ctx(), none)
	l.must(err)
	l.same("the times of none", []time.Time{{}, {}}, []time.Time{from, to})
	batch, _ := h.batch("jobs", 4) // the first and the last have finished
	h.write(&store.Poll{Result: polledFinal("req_jobs_1", "no"), At: start.Add(3 * time.Second)})
	h.write(&store.Poll{Result: polledFinal("req_jobs_2", "no"), At: start.Add(3999 * time.Millisecond)})
	from, to, err = h.FinishTimes(l.ctx(), batch)
	l.must(err)
	l.same("the times", []time.Time{start, start.Add(3999 * time.Millisecond)}, []time.Time{from, to})
	got, err := h.Pace(l.ctx(), batch, 2*time.Second)
	l.must(err)
	first := start.Truncate(2 * time.Second)
	l.same("pace", []store.Pace{
		{At: first, Lines: store.Tally{narada.StatusSuccess: 2}},
		{At: start.Add(3 * time.Second).Truncate(2 * time.Second), Lines: store.Tally{narada.StatusError: 2}},
	}, got)
}

// A line that was sent again counts once, with its newest task; lines that are gone, and
// those before a restart, do not count.
func paceIsOfCurrentTasks(l ledger) {
	h := l.open()
	batch, _ := h.batch("other", 1)
	same := func(what string, want ...store.Pace) {
		list, err := h.Pace(l.ctx(), batch, time.Second)
		l.must(err)
		l.same(what, want, list)
		from, to, err := h.FinishTimes(l.ctx(), batch)
		l.must(err)
		times := make([]time.Time, 2)
		if n := len(want); n > 0 {
			times = []time.Time{want[0].At, want[n-1].At}
		}
		l.same("the times "+what, times, []time.Time{from, to})
	}
	var keys [][]byte
	batch, keys = h.batch("jobs", 3)
	finish := func(id, status string, after time.Duration, credits string) {
		h.write(&store.Poll{Result: polled(fmt.Sprintf(`{"requestId":%q,"status":%q,"completedAt":"2026-01-02T03:04:05Z","usage":{"credits":%s}}`, id, status, credits)), At: start.Add(after)})
	}
	send := func(line int, name string) {
		op := &store.Intend{Intent: intent(name)}
		op.Item = store.Item{Batch: batch, Key: keys[line-1], Line: line}
		h.write(op)
		h.write(&store.Accept{Task: op.Number, RequestID: "req_" + name, At: start})
	}
	pace := func(after time.Duration, status narada.Status, credits float64) store.Pace {
		return store.Pace{At: start.Add(after), Lines: store.Tally{status: 1}, Credits: credits}
	}
	finish("req_jobs_1", "error", time.Second, "0.5")
	finish("req_jobs_2", "success", 2*time.Second, "0.25")
	first, third := pace(0, narada.StatusSuccess, 0), pace(2*time.Second, narada.StatusSuccess, 0.25)
	same("at first", first, pace(time.Second, narada.StatusError, 0.5), third)
	send(2, "again")
	same("of a line that was sent again", first, third)
	finish("req_again", "success", 3*time.Second, "1")
	h.write(&store.SetMismatch{Batch: batch, Key: keys[1], Mismatch: `["a"]`})
	same("of a mismatch", first, third, pace(3*time.Second, store.StatusMismatch, 1))
	h.place(batch, store.Item{Key: keys[1], Line: 1}, store.Item{Key: keys[2], Line: 2})
	same("of lines that are still there", third, pace(3*time.Second, store.StatusMismatch, 1))
	h.write(&store.RestartBatch{Batch: batch, At: start.Add(time.Hour)})
	same("after a restart")
	send(1, "restarted")
	finish("req_restarted", "success", 5*time.Second, "2")
	same("of the second run", pace(5*time.Second, narada.StatusSuccess, 2))
}

func receivedIsListed(l ledger) {
	h := l.open()
	h.accepted("a", "req_a")
	h.deliver("a", phase("req_a", "a"))
	h.deliver("a", final("req_a", "a", "42"))
	list, err := h.Received(l.ctx(), 0, 10)
	l.must(err)
	for i, want := range []bool{true, false} {
		if len(list) != 2 || list[i].Final != want || list[i].RequestID != "req_a" || !list[i].At.Equal(start) || list[i].Size < 100 {
			l.Fatalf("got %+v", list)
		}
	}
	l.same("the status", narada.StatusSuccess, list[0].Status)
	older, err := h.Received(l.ctx(), list[0].Seq, 10)
	l.must(err)
	l.same("the older", list[1:], older)
	h.Refuse(ticket("a").Path, store.Refusal{ReceivedAt: start, StatusCode: 401, Reason: "wrong secret"})
	h.Refuse(ticket("a").Path, store.Refusal{ReceivedAt: start, StatusCode: 413, Reason: "too large"})
	refused, err := h.NewestRefusals(l.ctx(), 0, 1)
	l.must(err)
	if len(refused) != 1 || refused[0].Reason != "too large" || refused[0].Path != ticket("a").Path {
		l.Fatalf("got %+v", refused)
	}
	before, err := h.NewestRefusals(l.ctx(), refused[0].Seq, 10)
	l.must(err)
	if len(before) != 1 || before[0].Reason != "wrong secret" || before[0].Seq >= refused[0].Seq {
		l.Errorf("got %+v", before)
	}
}
