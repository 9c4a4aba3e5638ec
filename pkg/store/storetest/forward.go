package storetest

import (
	"errors"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/store"
)

var forwardTests = []test{
	{"A waiting callback is stored as received", waitsAsItCame},
	{"Waiting callbacks are read in order, a page at a time", waitingInPieces},
	{"A listener adopts the waiting callbacks of another", adoptedForwards},
	{"Credentials are deleted when forwarding has ended", credentialsGoWithTheForward},
	{"A failed forward can succeed in a later attempt", failedForward},
	{"Attempts of an interrupted run are counted", countedAttempts},
	{"A callback can be given another target", movedForward},
	{"A task has the worst state of its forwards", worstForward},
	{"One listener at a time has the lease on forwarding", leasedForwarding},
	{"What has lost its lease does not write", fencedForwarding},
}

// deliverTo stores a callback that the listener forwards to the target.
func (h handle) deliverTo(id, listener string) (isNew bool) {
	h.t.Helper()
	op := &store.Deliver{Delivery: callback("shared", final(id, "shared", "42")), Forwarding: store.Forwarding{Listener: listener, Targets: []string{target}}}
	h.write(op)
	return op.IsNew
}

// waiting returns the request IDs of the callbacks that wait for the target.
func (h handle) waiting(listener string, after int64, limit int) (ids []string) {
	h.t.Helper()
	list, err := h.WaitingForwards(h.ctx(), target, listener, after, limit)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, f := range list {
		ids = append(ids, f.RequestID)
	}
	return ids
}

// counts returns how many callbacks of the listener wait, were forwarded and have failed.
func (h handle) counts(target, listener string) (counts [3]int) {
	h.t.Helper()
	for i, state := range []store.ForwardState{store.ForwardWaiting, store.ForwardDelivered, store.ForwardFailed} {
		n, err := h.CountForwards(h.ctx(), state, target, listener)
		if err != nil {
			h.t.Fatal(err)
		}
		counts[i] = n
	}
	return counts
}

func waitsAsItCame(l ledger) {
	h, other := l.open(), l.open()
	if !h.deliverTo("req_1", "a") || h.deliverTo("req_1", "a") {
		l.Error("a repeat is new")
	}
	list, err := other.WaitingForwards(l.ctx(), target, "a", 0, 10)
	l.must(err)
	l.same("waiting", []store.Forward{{Seq: 1, RequestID: "req_1", Target: target, State: store.ForwardWaiting}}, list)
	header, body, ok, err := other.ForwardContent(l.ctx(), list[0])
	l.must(err)
	if !ok || header.Get("Authorization") != "Bearer header-of-shared" || string(body) != final("req_1", "shared", "42") {
		l.Errorf("%v, %s", header, body)
	}
	// The rest of the ledger has neither.
	if d := h.deliveries("req_1"); strings.Contains(string(d[0].Body), "secret-of") || d[0].Header.Get("Authorization") != "***" {
		l.Errorf("%v %s", d[0].Header, d[0].Body)
	}
}

func waitingInPieces(l ledger) {
	h := l.open()
	for _, id := range []string{"req_1", "req_2", "req_3"} {
		h.deliverTo(id, "a")
	}
	h.deliverTo("req_4", "b")
	h.deliver("shared", final("req_5", "shared", "42")) // not forwarded
	l.same("the first", []string{"req_1", "req_2"}, h.waiting("a", 0, 2))
	l.same("the rest", []string{"req_3"}, h.waiting("a", 2, 2))
	l.same("counts", [3]int{3, 0, 0}, h.counts(target, "a"))
	l.same("all counts", [3]int{4, 0, 0}, h.counts("", ""))
}

func adoptedForwards(l ledger) {
	h := l.open()
	h.deliverTo("req_1", "a")
	h.deliverTo("req_2", "b")
	names, err := h.ForwardListeners(l.ctx(), target)
	l.must(err)
	l.same("listeners", []string{"a", "b"}, names)
	h.write(&store.AdoptForwards{Target: "http://other.example/", From: "b", To: "a"})
	l.same("waiting", []string{"req_1"}, h.waiting("a", 0, 10))
	h.write(&store.AdoptForwards{Target: target, From: "b", To: "a"})
	l.same("waiting", []string{"req_1", "req_2"}, h.waiting("a", 0, 10))
}

func credentialsGoWithTheForward(l ledger) {
	h := l.open()
	for i, state := range []store.ForwardState{store.ForwardDelivered, store.ForwardFailed} {
		h.deliverTo([]string{"req_1", "req_2"}[i], "a")
		f := store.Forward{Seq: int64(i + 1), Target: target, State: state, EndedAt: start}
		if _, _, ok, err := h.ForwardContent(l.ctx(), f); !ok || err != nil {
			l.Fatalf("%s: its content was not found: %v", state, err)
		}
		h.write(&store.ForwardEnded{Forward: f})
		if _, _, ok, err := h.ForwardContent(l.ctx(), f); ok || err != nil {
			l.Errorf("%s: its content was found: %v", state, err)
		}
	}
	if _, _, ok, err := h.ForwardContent(l.ctx(), store.Forward{Seq: 99, Target: target}); ok || err != nil {
		l.Errorf("one that is not there has content: %v", err)
	}
	if text := h.listing(); strings.Contains(text, "secret-of") || strings.Contains(text, "header-of") {
		l.Errorf("the ledger has the credentials: %s", text)
	}
}

func failedForward(l ledger) {
	h := l.open()
	h.deliverTo("req_1", "a")
	h.deliverTo("req_2", "a")
	f := store.Forward{Seq: 2, RequestID: "req_2", Target: target, State: store.ForwardFailed, Failure: "connection refused", EndedAt: start}
	h.write(&store.ForwardEnded{Forward: f})
	f.Attempts = 1
	failed, err := h.FailedForwards(l.ctx(), store.Forward{}, 10)
	l.must(err)
	l.same("failed", []store.Forward{f}, failed)
	if more, err := h.FailedForwards(l.ctx(), failed[0], 10); err != nil || len(more) > 0 {
		l.Errorf("%v, %v", more, err)
	}
	l.same("waiting", []string{"req_1"}, h.waiting("a", 0, 10))
	l.same("counts", [3]int{1, 0, 1}, h.counts(target, "a"))
	l.same("with a failed forward", []string{"req_2"}, h.ids(store.Query{Failed: true}))

	f.State, f.StatusCode, f.Failure, f.EndedAt = store.ForwardDelivered, 204, "", start.Add(time.Minute)
	h.write(&store.ForwardEnded{Forward: f})
	f.Attempts = 2
	again, err := h.Forwards(l.ctx(), h.task("req_2"))
	l.must(err)
	l.same("sent again", []store.Forward{f}, again)
	l.same("counts", [3]int{1, 1, 0}, h.counts("", ""))
}

func countedAttempts(l ledger) {
	h := l.open()
	h.deliverTo("req_1", "a")
	tried := &store.ForwardTried{Seq: 1, Target: target, Failure: "connection refused", At: start}
	h.write(tried, tried)
	h.close()
	h = l.open()
	list, err := h.WaitingForwards(l.ctx(), target, "a", 0, 10)
	l.must(err)
	l.same("waiting", []store.Forward{{Seq: 1, RequestID: "req_1", Target: target, State: store.ForwardWaiting, Attempts: 2}}, list)
	ended := store.Forward{Seq: 1, RequestID: "req_1", Target: target, State: store.ForwardDelivered, StatusCode: 200, EndedAt: start.Add(time.Minute)}
	h.write(&store.ForwardEnded{Forward: ended}, &store.ForwardEnded{Forward: ended}, tried) // only the first is one
	ended.Attempts = 3
	list, err = h.Forwards(l.ctx(), h.task("req_1"))
	l.must(err)
	l.same("ended", []store.Forward{ended}, list)
	l.same("events", []string{"callback-delivered req_1 success",
		"forward-attempted req_1 " + target + " waiting connection refused 1",
		"forward-attempted req_1 " + target + " waiting connection refused 2",
		"forward-attempted req_1 " + target + " forwarded 3 200"}, h.eventsOf("req_1"))
}

func movedForward(l ledger) {
	h := l.open()
	h.deliverTo("req_1", "a")
	h.write(&store.MoveForward{Seq: 1, From: target, To: "https://other.example/"})
	l.same("waiting", []string(nil), h.waiting("a", 0, 10))
	list, err := h.Forwards(l.ctx(), h.task("req_1"))
	l.must(err)
	if len(list) != 1 || list[0].Target != "https://other.example/" {
		l.Errorf("got %+v", list)
	}
	// To where it went already: there is one of them.
	h.write(&store.Deliver{Delivery: callback("a", final("req_2", "a", "42")), Forwarding: store.Forwarding{Listener: "a", Targets: []string{target, "https://other.example/"}}})
	h.write(&store.MoveForward{Seq: 2, From: target, To: "https://other.example/"})
	if list, err = h.Forwards(l.ctx(), h.task("req_2")); err != nil || len(list) != 1 {
		l.Errorf("got %+v, %v", list, err)
	}
}

func worstForward(l ledger) {
	h := l.open()
	targets := []string{"http://a.example/", "http://b.example/", "http://c.example/"}
	h.write(&store.Deliver{Delivery: callback("a", final("req_1", "a", "42")), Forwarding: store.Forwarding{Listener: "x", Targets: targets}})
	check := func(want store.ForwardState) {
		l.Helper()
		if got := h.task("req_1").Forwarded; got != want {
			l.Errorf("forwarded is %q, want %q", got, want)
		}
	}
	end := func(target string, state store.ForwardState, at time.Time) {
		h.write(&store.ForwardEnded{Forward: store.Forward{Seq: 1, Target: target, State: state, EndedAt: at}})
	}
	check(store.ForwardWaiting)
	end(targets[0], store.ForwardDelivered, start)
	check(store.ForwardWaiting)
	end(targets[1], store.ForwardFailed, start)
	check(store.ForwardFailed)
	end(targets[1], store.ForwardDelivered, start.Add(time.Second))
	check(store.ForwardWaiting)
	end(targets[2], store.ForwardDelivered, start)
	check(store.ForwardDelivered)
}

// leases returns the ledger as two processes have it open.
func (l ledger) leases() (one, other handle, leases func(handle) store.Leases) {
	l.Helper()
	one = l.open()
	if _, ok := one.Store.(store.Leases); !ok {
		l.Skip("it is not a ledger of several machines")
	}
	return one, l.open(), func(h handle) store.Leases { return h.Store.(store.Leases) }
}

func leasedForwarding(l ledger) {
	one, other, leases := l.leases()
	lease := func(h handle, listener, target string, number int64, d time.Duration) int64 {
		l.Helper()
		got, err := leases(h).LeaseForwarding(l.ctx(), listener, target, number, d)
		l.must(err)
		return got
	}
	first := lease(one, "a", target, 0, longLease)
	if first == 0 || lease(other, "a", target, 0, longLease) != 0 {
		l.Error("two have the lease")
	}
	if lease(other, "a", "https://other", 0, longLease) == 0 || lease(other, "b", target, 0, longLease) == 0 {
		l.Error("the lease is on another listener or target too")
	}
	if lease(one, "a", target, first, longLease) != first {
		l.Error("it was not renewed")
	}
	lease(one, "a", target, first, 0)
	second := lease(other, "a", target, 0, -time.Second) // it dies
	third := lease(one, "a", target, 0, longLease)
	if second == 0 || third == 0 || second == first || third == second {
		l.Errorf("leases %d %d %d", first, second, third)
	}
	if lease(other, "a", target, second, longLease) != 0 {
		l.Error("it got back a lease that another one has")
	}
	if lease(one, "a", target, third, longLease) != third {
		l.Error("another one has ended the lease")
	}
}

func fencedForwarding(l ledger) {
	one, other, leases := l.leases()
	one.deliverTo("req_1", "a")
	stale, err := leases(one).LeaseForwarding(l.ctx(), "a", target, 0, -time.Second)
	l.must(err)
	f := store.Forward{Seq: 1, RequestID: "req_1", Target: target, State: store.ForwardDelivered, StatusCode: 200, EndedAt: start}
	tried := func(lease int64) *store.ForwardTried {
		return &store.ForwardTried{Seq: 1, Target: target, StatusCode: 503, Failure: "status 503", At: start, Lease: lease}
	}
	one.write(tried(stale)) // nobody has taken it
	number, err := leases(other).LeaseForwarding(l.ctx(), "a", target, 0, longLease)
	l.must(err)
	for _, op := range []store.Op{tried(stale), &store.ForwardEnded{Forward: f, Lease: stale}} {
		if err := one.Write(l.ctx(), op); !errors.Is(err, store.ErrLeaseLost) {
			l.Errorf("%T: %v", op, err)
		}
	}
	l.same("waiting", []string{"req_1"}, other.waiting("a", 0, 10))
	other.write(&store.ForwardEnded{Forward: f, Lease: number})
	l.same("counts", [3]int{0, 1, 0}, other.counts(target, "a"))
	task := one.task("req_1")
	list, err := one.Forwards(l.ctx(), task)
	l.must(err)
	if len(list) != 1 || list[0].Attempts != 2 {
		l.Errorf("forwards %+v", list)
	}
}
