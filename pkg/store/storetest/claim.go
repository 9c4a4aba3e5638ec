package storetest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/webhook"
)

var claimTests = []test{
	{"Two stores claim different lines, with their intents", claimsAreDisjoint},
	{"A claim has the ticket and the address of a callback", aClaimHasATicket},
	{"A line whose lease has ended is claimed again with a higher fence", claimsEnd},
	{"A write with the fence of a claim that is over is refused whole", oldFences},
	{"A renewed lease lasts", renewedClaims},
	{"What was not accepted is sent again, and what may have been is not", unknownClaims},
	{"A line is not given up while its worker may be sending it", justEndedClaims},
	{"A line that may have been accepted is waited for while a callback can tell", unawaitedClaims},
	{"The limits of a batch hold over its stores", limitsOfClaims},
	{"A window has one task at a time", windowsOfClaims},
	{"A pause holds over all stores", heldWork},
	{"A line is queued once", queuedOnce},
	{"Finished lines are read in their order", finishedLines},
}

// noLease is a lease that has ended when it is looked at.
const noLease = -time.Hour

// noLimits are those of a batch without any.
func noLimits() store.ClaimLimits {
	return store.ClaimLimits{Concurrency: 100, Lease: time.Hour, TimeLimit: time.Hour, SendLimit: time.Hour}
}

// queue adds a batch with that many lines in the ledger.
func (h handle) queue(name string, lines int) (number int64) {
	h.t.Helper()
	put := &store.PutBatch{Batch: store.Batch{Name: name, BegunAt: start, Cloud: "https://api.example.com", Lines: lines}}
	h.write(put)
	ops := []store.Op{&store.OpenWork{Batch: put.Number, Options: "{}"}}
	for i := range lines {
		ops = append(ops, queueLine(put.Number, i))
	}
	h.write(ops...)
	return put.Number
}

func queueLine(batch int64, i int) *store.QueueLine {
	return &store.QueueLine{
		Item:   store.Item{Batch: batch, Key: fmt.Appendf(nil, "key-%03d", i), Line: i + 1, ID: fmt.Sprint("id", i)},
		Intent: store.Intent{Prompt: fmt.Sprint("prompt ", i), Body: []byte(fmt.Sprintf(`{"prompt":"prompt %d"}`, i)), Agent: "operator"},

		Assertions: fmt.Sprintf(`[".line == %d"]`, i),
	}
}

// claim claims lines by a new owner.
func (h handle) claim(batch int64, owner string, maxClaims int, l store.ClaimLimits) []store.Claimed {
	h.t.Helper()
	h.write(&store.Claim{Batch: batch, Owner: owner, Call: 1, Max: maxClaims, Limits: l, Source: "batch", Cloud: "https://api.example.com", Machine: "m", At: start})
	list, err := h.Claimed(h.ctx(), owner, 1)
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

func (h handle) work(batch int64) store.Work {
	h.t.Helper()
	list, err := h.Works(h.ctx(), batch)
	if err != nil || len(list) != 1 {
		h.t.Fatalf("%d works, %v", len(list), err)
	}
	return list[0]
}

func held(c store.Claimed) store.HeldLine {
	return store.HeldLine{Batch: c.Batch, Key: c.Key, Fence: c.Fence}
}

// acceptedLine stores that the task of a line was accepted.
func (h handle) acceptedLine(c store.Claimed) {
	h.t.Helper()
	h.write(&store.CheckClaim{HeldLine: held(c)}, &store.Accept{Task: c.Task, RequestID: fmt.Sprint("req_", c.Task), At: start})
}

func claimsAreDisjoint(l ledger) {
	stores := []handle{l.open(), l.open()}
	batch := stores[0].queue("jobs", 40)
	var mu sync.Mutex
	claimed := map[string]store.Claimed{}
	var claiming sync.WaitGroup
	for i := range 8 {
		h := stores[i%2]
		claiming.Go(func() {
			for _, c := range h.claim(batch, fmt.Sprint("owner", i), 5, noLimits()) {
				mu.Lock()
				if _, twice := claimed[string(c.Key)]; twice {
					l.Errorf("line %d is claimed twice", c.Line)
				}
				claimed[string(c.Key)] = c
				mu.Unlock()
			}
		})
	}
	claiming.Wait()
	if len(claimed) != 40 {
		l.Errorf("%d lines are claimed", len(claimed))
	}
	for _, c := range claimed {
		i := stores[0].items(batch, c.Key)[0]
		l.same("the task", []any{c.Task, store.StatusUnknown, "operator", "m", batch}, []any{i.Task.Number, i.Task.Status, i.Task.Agent, i.Task.Machine, i.Task.Batch})
		l.same("the line", []any{i.Line, true, fmt.Sprint("prompt ", i.Line-1), fmt.Sprintf(`[".line == %d"]`, i.Line-1)}, []any{c.Line, c.Send, c.Prompt, c.Assertions})
	}
	if w := stores[1].work(batch); w.InFlight != 40 || w.Waiting || w.Unknown != 0 || !w.Open() {
		l.Errorf("got %+v", w)
	}
}

// aClaimHasATicket claims another line, with an address for its callback.
func aClaimHasATicket(l ledger) {
	h, other := l.open(), l.open()
	batch := other.queue("jobs", 1)
	ticket := webhook.Ticket{Path: "/narada/claimed", Secret: "s3cret"}
	h.write(&store.Claim{Batch: batch, Owner: "ticket", Call: 7, Max: 1, Limits: noLimits(), Addresses: []store.Address{{Ticket: ticket, URL: "https://a.example/narada/claimed"}}, Source: "batch", At: start})
	list, err := h.Claimed(l.ctx(), "ticket", 7)
	l.must(err)
	if len(list) != 1 || list[0].Ticket != ticket.Path {
		l.Fatalf("got %+v", list)
	}
	if i := h.items(batch, list[0].Key)[0]; i.CallbackURL != "https://a.example/narada/claimed" {
		l.Errorf("got %+v", i)
	}
	task, _, err := h.Numbered(l.ctx(), list[0].Task)
	l.must(err)
	request, err := h.Request(l.ctx(), task)
	l.must(err)
	l.same("the request", `{"prompt":"prompt 0","callbackUrl":"https://a.example/narada/claimed","callbackSecret":"***"}`, string(request))
	stored, ok, err := other.Ticket(l.ctx(), ticket.Path)
	if err != nil || !ok || stored.Digest() != ticket.Digest() {
		l.Errorf("its ticket is %v, %v", ok, err)
	}
}

func claimsEnd(l ledger) {
	h, other := l.open(), l.open()
	batch := h.queue("jobs", 1)
	short := noLimits()
	short.Lease = noLease
	first := h.claim(batch, "first", 10, short)[0]
	h.acceptedLine(first)
	if w := h.work(batch); !w.Adoptable || w.InFlight != 0 || w.Waiting {
		l.Errorf("got %+v", w)
	}
	second := other.claim(batch, "second", 10, noLimits())[0]
	if second.Fence <= first.Fence || second.Task != first.Task || second.Send {
		l.Errorf("got %+v after %+v", second, first)
	}
	if list := h.claim(batch, "third", 10, noLimits()); len(list) != 0 {
		l.Errorf("a line with a lease is claimed: %+v", list)
	}
	if list, err := h.Claimed(l.ctx(), "first", 0); err != nil || len(list) != 0 {
		l.Errorf("the first has %+v, %v", list, err)
	}
}

func oldFences(l ledger) {
	h, other := l.open(), l.open()
	batch := h.queue("jobs", 2)
	short := noLimits()
	short.Lease = noLease
	first := h.claim(batch, "first", 1, short)[0]
	h.acceptedLine(first)
	second := other.claim(batch, "second", 1, noLimits())[0]
	r := polled(final(fmt.Sprint("req_", first.Task), "x", "42"))
	for name, op := range map[string]store.Op{
		"a check": &store.CheckClaim{HeldLine: held(first)}, "an end": &store.FinishLine{HeldLine: held(first)}, "a release": &store.ReleaseLine{HeldLine: held(first)},
	} {
		if err := h.Write(l.ctx(), op, &store.Poll{Result: r, At: start}); !errors.Is(err, store.ErrClaimLost) {
			l.Errorf("%s: %v", name, err)
		}
	}
	if t, _, _ := h.Numbered(l.ctx(), first.Task); !t.Open() {
		l.Errorf("it was written: %+v", t)
	}
	other.write(&store.CheckClaim{HeldLine: held(second)}, &store.Poll{Result: r, At: start}, &store.FinishLine{HeldLine: held(second), Credits: 1.5})
	if err := other.Write(l.ctx(), &store.FinishLine{HeldLine: held(second)}); !errors.Is(err, store.ErrClaimLost) {
		l.Errorf("it ends twice: %v", err)
	}
	if w := h.work(batch); w.Finished != 1 || w.Credits != 1.5 || w.Failures != 0 {
		l.Errorf("got %+v", w)
	}
	h.write(&store.RestartBatch{Batch: batch, At: start})
	if err := other.Write(l.ctx(), &store.CheckClaim{HeldLine: held(second)}); !errors.Is(err, store.ErrClaimLost) {
		l.Errorf("of a batch that is restarted: %v", err)
	}
}

func renewedClaims(l ledger) {
	h := l.open()
	batch := h.queue("jobs", 1)
	short := noLimits()
	short.Lease = noLease
	first := h.claim(batch, "first", 1, short)[0]
	h.acceptedLine(first)
	h.write(&store.RenewClaims{Owner: "first", Lease: time.Hour}, &store.RenewClaims{Owner: "other", Lease: noLease})
	if list := l.open().claim(batch, "second", 1, noLimits()); len(list) != 0 {
		l.Errorf("claimed: %+v", list)
	}
	if list, err := h.Claimed(l.ctx(), "first", 0); err != nil || len(list) != 1 || list[0].Fence != first.Fence {
		l.Errorf("the first has %+v, %v", list, err)
	}
}

func unknownClaims(l ledger) {
	h := l.open()
	batch := h.queue("jobs", 3)
	short := noLimits()
	short.Lease = noLease
	list := h.claim(batch, "first", 3, short)
	h.write(&store.Refuse{Task: list[1].Task, At: start})
	h.write(&store.Refuse{Task: list[2].Task, Failure: "422", At: start})
	if w := h.work(batch); w.Unknown != 1 || !w.Adoptable {
		l.Errorf("got %+v", w)
	}
	again := h.claim(batch, "second", 3, noLimits())
	if len(again) != 2 {
		l.Fatalf("claimed: %+v", again)
	}
	for _, c := range again {
		if sent := c.Line == list[1].Line; c.Send != sent || sent == (c.Task == list[c.Line-1].Task) {
			l.Errorf("got %+v", c)
		}
	}
	// Once its time is over, it is finished as unknown.
	over := noLimits()
	over.SendLimit = noLease
	h.claim(batch, "third", 0, over)
	keys, _, err := h.FinishedLines(l.ctx(), batch, 0, 10)
	if err != nil || len(keys) != 1 || string(keys[0]) != string(list[0].Key) {
		l.Errorf("finished: %q, %v", keys, err)
	}
	if w := h.work(batch); w.Unknown != 0 || w.Failures != 0 {
		l.Errorf("got %+v", w)
	}
	sentAgain(l, h, batch, list[0].Task)
}

// justEndedClaims has a line whose worker lost its lease a moment ago: it may still be sending
// it, whether or not its outcome is waited for.
func justEndedClaims(l ledger) {
	h := l.open()
	batch := h.queue("jobs", 1)
	limits := noLimits()
	limits.Lease, limits.SendLimit = -time.Second, time.Minute
	lost := h.claim(batch, "lost", 1, limits)[0]
	op := queueLine(batch, 0)
	op.Seen, op.Task, op.Unawaited = lost.Task, lost.Task, true
	h.write(op)
	finished := func() int {
		h.claim(batch, "next", 0, limits)
		keys, _, err := h.FinishedLines(l.ctx(), batch, 0, 10)
		l.must(err)
		return len(keys)
	}
	if finished() != 0 {
		l.Error("it was given up while it may be sent")
	}
	h.write(&store.RenewClaims{Owner: "lost"}) // it is known to be gone
	if finished() != 1 {
		l.Error("it was not given up, although its worker is gone")
	}
}

// unawaitedClaims waits for a line of a worker that has gone, until nobody does.
func unawaitedClaims(l ledger) {
	h, other := l.open(), l.open()
	batch := h.queue("jobs", 2)
	pool := noLimits()
	pool.Lease, pool.Windows = noLease, []string{"a"}
	dead := h.claim(batch, "dead", 1, pool)[0]
	pool.Lease = time.Hour
	op := queueLine(batch, 0)
	op.Seen, op.Task = dead.Task, dead.Task
	h.write(op) // by a run that waits for its callback
	next := other.claim(batch, "next", 5, pool)
	if len(next) != 1 || next[0].Window != "a" {
		l.Errorf("its window is not free: %+v", next)
	}
	if w := h.work(batch); w.Unknown != 1 || w.Finished != 0 || w.InFlight != 1 {
		l.Errorf("it is not waited for: %+v", w)
	}
	other.write(&store.RenewClaims{Owner: "next", Lease: time.Hour})
	op.Unawaited = true
	held := queueLine(batch, 1)
	held.Seen, held.Task, held.Unawaited = next[0].Task, next[0].Task, true
	h.write(op, held)
	h.claim(batch, "last", 0, pool)
	if w := h.work(batch); w.Unknown != 0 || w.Finished != 1 || w.InFlight != 1 || w.Lost != 0 || w.Failures != 0 {
		l.Errorf("got %+v", w)
	}
	other.write(&store.RenewClaims{Owner: "next"}) // it ends its claims
	h.claim(batch, "last", 0, pool)
	if w := h.work(batch); w.Open() || w.Finished != 2 {
		l.Errorf("got %+v", w)
	}
}

// sentAgain sends an unknown line again: if that is asked for, by who knows its task.
func sentAgain(l ledger, h handle, batch, task int64) {
	l.Helper()
	h.write(queueLine(batch, 0))
	if w := h.work(batch); w.Waiting {
		l.Error("it is sent again by who does not know its task")
	}
	op := queueLine(batch, 0)
	op.Seen = task
	h.write(op)
	if third := h.claim(batch, "fourth", 3, noLimits()); len(third) != 1 || third[0].Task == task || !third[0].Send {
		l.Errorf("got %+v", third)
	}
}

func limitsOfClaims(l ledger) {
	h, other := l.open(), l.open()
	batch := h.queue("jobs", 9)
	three := noLimits()
	three.Concurrency = 3
	first := h.claim(batch, "first", 2, three)
	second := other.claim(batch, "second", 5, three)
	if len(first) != 2 || len(second) != 1 {
		l.Fatalf("claimed %d and %d", len(first), len(second))
	}
	h.write(&store.FinishLine{HeldLine: held(first[0]), Failed: true, Credits: 2}, &store.ReleaseLine{HeldLine: held(first[1])})
	if list := other.claim(batch, "third", 5, three); len(list) != 2 || list[0].Line != first[1].Line {
		l.Errorf("claimed %+v", list)
	}
	for name, stop := range map[string]func(*store.ClaimLimits){
		"failures": func(l *store.ClaimLimits) { l.MaxFailures = 1 }, "credits": func(l *store.ClaimLimits) { l.MaxCredits = 1.9 },
	} {
		limit := noLimits()
		if stop(&limit); len(h.claim(batch, name, 5, limit)) != 0 || !limit.Stopped(h.work(batch).Failures, h.work(batch).Credits) {
			l.Errorf("%s do not stop it", name)
		}
	}
	slow := noLimits()
	slow.Rate = 1.0 / 3600
	if list := h.claim(batch, "one of the rate", 5, slow); len(list) != 1 {
		l.Errorf("%d lines at once", len(list))
	}
	if list := other.claim(batch, "another of the rate", 5, slow); len(list) != 0 {
		l.Errorf("%d more", len(list))
	}
	fast := noLimits()
	fast.Rate = 1e6
	before := other.work(batch)
	h.write(&store.ChangeWork{Batch: batch, Options: `{"via":"poll"}`})
	before.Options = `{"via":"poll"}`
	l.same("with other options", before, other.work(batch))
	h.write(&store.OpenWork{Batch: batch, Options: "{}"})
	if list := other.claim(batch, "fast", 2, fast); len(list) != 2 {
		l.Errorf("%d lines", len(list))
	}
}

func windowsOfClaims(l ledger) {
	h, other := l.open(), l.open()
	batch := h.queue("jobs", 6)
	pool := noLimits()
	pool.Windows = []string{"a", "b"}
	first := h.claim(batch, "first", 1, pool)
	second := other.claim(batch, "second", 5, pool)
	if len(first) != 1 || len(second) != 1 || first[0].Window != "a" || second[0].Window != "b" {
		l.Fatalf("got %+v and %+v", first, second)
	}
	if i := h.items(batch, first[0].Key)[0]; i.Window != "a" {
		l.Errorf("got %+v", i)
	}
	h.write(&store.FinishLine{HeldLine: held(first[0])}, &store.FinishLine{HeldLine: held(second[0]), Lost: true})
	if third := h.claim(batch, "third", 5, pool); len(third) != 1 || third[0].Window != "a" {
		l.Errorf("got %+v", third)
	}
	if w := h.work(batch); w.Lost != 1 {
		l.Errorf("got %+v", w)
	}
}

func heldWork(l ledger) {
	h, other := l.open(), l.open()
	batch, free := h.queue("jobs", 2), h.queue("other", 1)
	h.write(&store.HoldWork{Batch: batch, For: time.Hour})
	h.write(&store.HoldWork{Batch: batch, For: time.Minute})
	if list := other.claim(batch, "first", 5, noLimits()); len(list) != 0 {
		l.Errorf("got %+v", list)
	}
	if list := other.claim(free, "other", 5, noLimits()); len(list) != 1 {
		l.Errorf("of another batch: %+v", list)
	}
}

func queuedOnce(l ledger) {
	h, other := l.open(), l.open()
	batch := h.queue("jobs", 1)
	again := queueLine(batch, 0)
	again.Assertions = `[".newest"]`
	other.write(again)
	c := h.claim(batch, "first", 5, noLimits())
	other.write(queueLine(batch, 0))
	if len(c) != 1 || other.work(batch).Waiting {
		l.Fatal("it is queued twice")
	}
	l.same("the assertions of a queued line", again.Assertions, c[0].Assertions)
	h.acceptedLine(c[0])
	h.write(&store.FinishLine{HeldLine: held(c[0])})
	other.write(queueLine(batch, 0)) // of who has not seen that
	if h.work(batch).Open() {
		l.Error("it is sent again")
	}
	// One that was sent without workers is only waited for.
	op := queueLine(batch, 0)
	op.Seen, op.Task = c[0].Task, c[0].Task
	h.write(op)
	if again := h.claim(batch, "second", 5, noLimits()); len(again) != 1 || again[0].Send || again[0].Task != c[0].Task {
		l.Errorf("got %+v", again)
	}
	h.write(&store.DeleteBatch{Batch: batch})
	if list, err := h.Works(l.ctx(), 0); err != nil || len(list) != 0 {
		l.Errorf("got %+v, %v", list, err)
	}
}

func finishedLines(l ledger) {
	h, other := l.open(), l.open()
	batch := h.queue("jobs", 5)
	claimed := h.claim(batch, "first", 5, noLimits())
	want := []string{}
	for _, i := range []int{3, 0, 4} {
		h.write(&store.FinishLine{HeldLine: held(claimed[i]), Mismatch: `["a"]`})
		want = append(want, string(claimed[i].Key))
	}
	var got []string
	after := int64(0)
	for range 2 {
		keys, last, err := other.FinishedLines(l.ctx(), batch, after, 2)
		l.must(err)
		for _, key := range keys {
			got = append(got, string(key))
		}
		after = last
	}
	l.same("finished", want, got)
	if keys, last, err := other.FinishedLines(l.ctx(), batch, after, 2); len(keys) != 0 || last != after || err != nil {
		l.Errorf("more: %q, %d, %v", keys, last, err)
	}
	if i := other.items(batch, claimed[3].Key)[0]; i.Mismatch != `["a"]` || i.Task.Status != store.StatusUnknown {
		l.Errorf("got %+v", i)
	}
}
