package storetest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/narada-cli/narada/pkg/store"
)

var callbackTests = []test{
	{"A repeat is not stored, and a callback after the final one is marked as further", repeats},
	{"A request ID may be any text", anyRequestID},
	{"Concurrent copies of a callback are stored once", manyOfTheSame},
	{"Concurrent callbacks are all stored and reported in order", manyAtOnce},
	{"An unlisted callback is stored and not reported", unlisted},
	{"Credentials in stored headers are masked", credentialsAreMasked},
	{"The secret of a callback is not stored", theSecretIsNotStored},
	{"Refused callbacks are limited and masked", refusalsAreBounded},
	{"Refused callbacks are kept only for the paths of tasks", refusalsOfKnownPaths},
	{"Refused callbacks to a shared path are kept if their header fits, masked and limited", refusalsOfSharedPaths},
}

func repeats(l ledger) {
	var reported []store.Entry
	h := l.openTelling(func(e store.Entry) { reported = append(reported, e) })
	for i, step := range []struct {
		body           string
		isNew, further bool
	}{
		{phase("req_1", "a"), true, false},
		{phase("req_1", "a"), false, false},
		{question("req_1", "a", "input_2"), true, false},
		{final("req_1", "a", "42"), true, false},
		{final("req_1", "a", "42"), false, false},
		{final("req_1", "a", "43"), true, true},
		{final("req_2", "a", "42"), true, false},
	} {
		before := len(reported)
		if isNew := h.deliver("a", step.body); isNew != step.isNew {
			l.Errorf("step %d: new is %v", i, isNew)
		}
		if n := len(reported) - before; (n == 1) != step.isNew {
			l.Errorf("step %d: %d were reported", i, n)
		}
		if e := reported[len(reported)-1]; step.isNew && (e.Further != step.further || e.Path != "/narada/a" || !e.ReceivedAt.Equal(start)) {
			l.Errorf("step %d: reported %+v", i, e)
		}
	}
	// Another process, and this one after a start, know it too.
	for _, by := range []handle{l.open(), h} {
		if by.deliver("a", final("req_1", "a", "42")) {
			l.Error("another process reports a repeat as new")
		}
		h.tasks(store.Query{}) // the same after it has been indexed
	}
	one, again := &store.Deliver{Delivery: callback("a", final("req_3", "a", "42"))}, &store.Deliver{Delivery: callback("a", final("req_2", "a", "42"))}
	if h.write(one, again); !one.IsNew || again.IsNew {
		l.Errorf("together: new are %v and %v", one.IsNew, again.IsNew)
	}
	if got := h.answer("req_1"); got != "43" {
		l.Errorf("the answer is %q, and not the newest", got)
	}
	h.deliver("a", final("req_1", "a", "44"))
	if e := reported[len(reported)-1]; !e.Further || e.Result.Text() != "44" {
		l.Errorf("reported %+v", e)
	}
}

func anyRequestID(l ledger) {
	h := l.open()
	for _, id := range []string{"ü 世", "'; DROP TABLE tasks", "%", strings.Repeat("x", 1000), "\t\"\\"} {
		if !h.deliver("a", final(id, "a", "42")) {
			l.Errorf("%q is a repeat", id)
		}
		if got := h.task(id).RequestID; got != id {
			l.Errorf("%q is %q", id, got)
		}
		if h.deliver("a", final(id, "a", "42")) {
			l.Errorf("the repeat of %q is new", id)
		}
	}
}

func manyOfTheSame(l ledger) {
	handles := []handle{l.open(), l.open()}
	var fresh atomic.Int32
	var storing sync.WaitGroup
	for i := range 100 {
		storing.Go(func() {
			op := &store.Deliver{Delivery: callback("a", final("req_1", "a", "42"))}
			if err := handles[i%2].Write(l.ctx(), op); err != nil {
				l.Error(err)
			}
			if op.IsNew {
				fresh.Add(1)
			}
		})
	}
	storing.Wait()
	if list := handles[0].deliveries("req_1"); fresh.Load() != 1 || len(list) != 1 {
		l.Errorf("%d were new, %d are stored", fresh.Load(), len(list))
	}
}

func manyAtOnce(l ledger) {
	const senders, each = 16, 25
	var reported []store.Entry
	h := l.openTelling(func(e store.Entry) { reported = append(reported, e) })
	var storing sync.WaitGroup
	for i := range senders {
		storing.Go(func() {
			for n := range each {
				id := fmt.Sprintf("req_%d_%d", i, n)
				if err := h.Write(l.ctx(), &store.Deliver{Delivery: callback("a", final(id, "a", id))}); err != nil {
					l.Error(err)
				}
			}
		})
	}
	storing.Wait()
	if len(reported) != senders*each {
		l.Fatalf("%d were reported", len(reported))
	}
	follow, stop := context.WithCancel(l.ctx())
	defer stop()
	i := 0
	for e, err := range h.Follow(follow, 0) {
		l.must(err)
		if e.Seq != reported[i].Seq || e.Result.RequestID != reported[i].Result.RequestID {
			l.Fatalf("%d is %s, and was reported as %s", e.Seq, e.Result.RequestID, reported[i].Result.RequestID)
		}
		if i++; i == len(reported) {
			break
		}
	}
	if got := h.answer("req_3_7"); got != "req_3_7" {
		l.Errorf("the answer is %q", got)
	}
}

func unlisted(l ledger) {
	var reported []string
	h := l.openTelling(func(e store.Entry) { reported = append(reported, e.Result.RequestID) })
	h.write(&store.Deliver{Delivery: callback("a", final("req_1", "a", "42")), Forwarding: store.Forwarding{Unlisted: true}})
	h.deliver("a", final("req_2", "a", "42"))
	l.same("told of", []string{"req_2"}, reported)
	l.same("stored", []string{"req_2", "req_1"}, h.ids(store.Query{}))
}

func credentialsAreMasked(l ledger) {
	h := l.open()
	d := callback("a", final("req_1", "a", "42"))
	d.Ticket.Header = http.Header{"X-Mine": {"mine"}}
	d.Header = http.Header{"X-Mine": {"mine"}, "Authorization": {"Bearer x"}, "Cookie": {"a=b"}, "X-Api-Key": {"k"}, "X-Signature": {"s"}, "Content-Type": {"application/json"}, "X-Two": {"1", "2"}}
	h.write(&store.Deliver{Delivery: d})
	list := h.deliveries("req_1")
	if len(list) != 1 || !list[0].Final || !list[0].ReceivedAt.Equal(start) {
		l.Fatalf("got %+v", list)
	}
	l.same("header", http.Header{"X-Mine": {"***"}, "Authorization": {"***"}, "Cookie": {"***"}, "X-Api-Key": {"***"}, "X-Signature": {"***"},
		"Content-Type": {"application/json"}, "X-Two": {"1", "2"}}, list[0].Header)
	same, ok, err := h.Callback(l.ctx(), list[0].Seq)
	l.must(err)
	if l.same("by its number", list[0], same); !ok {
		l.Error("it is not found by its number")
	}
	if _, ok, err := h.Callback(l.ctx(), list[0].Seq+1); ok || err != nil {
		l.Errorf("one that is not there is found: %v", err)
	}
}

func theSecretIsNotStored(l ledger) {
	h := l.open()
	h.accepted("req_callback", "req_callback")
	h.deliver("req_callback", phase("req_callback", "req_callback"))
	h.deliver("req_callback", final("req_callback", "req_callback", "42"))
	list := h.deliveries("req_callback")
	for i, body := range []string{phase("req_callback", "req_callback"), final("req_callback", "req_callback", "42")} {
		want := strings.Replace(body, `"secret-of-req_callback"`, "null", 1)
		if got := string(list[i].Body); got != want || strings.Contains(want, "secret-of") {
			l.Errorf("stored as %s, want %s", got, want)
		}
	}
}

func refusalsAreBounded(l ledger) {
	h := l.open()
	h.accepted("a", "req_1")
	r := store.Refusal{Path: "/narada/a", ReceivedAt: start, StatusCode: 401, Reason: strings.Repeat("é", 500), Size: -1, Header: http.Header{"Authorization": {"Bearer guess"}, "X-A": {"b"}, "User-Agent": {"b"}}}
	refusals := func(by handle) []store.Refusal {
		list, err := by.Refusals(l.ctx(), by.task("req_1"))
		l.must(err)
		return list
	}
	for i := range store.MaxRefusals + 5 {
		r.ReceivedAt = start.Add(time.Duration(i) * time.Second)
		h.Refuse(ticket("a").Path, r)
	}
	list := refusals(h)
	if len(list) != store.MaxRefusals {
		l.Fatalf("%d are stored", len(list))
	}
	last := list[len(list)-1]
	if len(last.Reason) > 200 || !strings.HasPrefix(last.Reason, "éé") || strings.ContainsRune(last.Reason, '\ufffd') {
		l.Errorf("the reason is %q", last.Reason)
	}
	r.Seq, r.Reason, r.Header = last.Seq, last.Reason, http.Header{"Authorization": {"***"}, "X-A": {"***"}, "User-Agent": {"b"}}
	l.same("the newest", r, last)

	r.Header = http.Header{"User-Agent": {strings.Repeat("b", 10_000)}}
	h.Refuse(ticket("a").Path, r)
	if list = refusals(h); len(list[len(list)-1].Header) > 0 {
		l.Error("a header of that size is kept")
	}
	for range store.MaxRefusalBurst + 1 { // in one burst
		h.Refuse(ticket("a").Path, r)
	}
	h.close()
	if list = refusals(l.open()); len(list) != store.MaxRefusals {
		l.Errorf("%d are stored after a restart", len(list))
	}
}

func refusalsOfKnownPaths(l ledger) {
	h := l.open()
	h.Refuse("/narada/a", store.Refusal{ReceivedAt: start, StatusCode: 404, Reason: "no such path"})
	if list, err := h.Refusals(l.ctx(), store.Task{TicketPath: "/narada/a"}); len(list) > 0 || err != nil {
		l.Errorf("got %+v, %v", list, err)
	}
	h.accepted("a", "req_1")
	if list, err := h.Refusals(l.ctx(), h.task("req_1")); len(list) > 0 || err != nil {
		l.Errorf("got %+v, %v", list, err)
	}
}

func refusalsOfSharedPaths(l ledger) {
	h := l.open()
	h.accepted("a", "req_1")
	shared := ticket("shared")
	shared.Header = http.Header{"X-Mine": {"mine-s3cret"}}
	h.Share(shared)
	recent := func(by handle, limit int) (reasons []string) {
		l.Helper()
		list, err := by.RecentRefusals(l.ctx(), limit)
		l.must(err)
		for _, r := range list {
			if !strings.HasPrefix(r.Path, "/narada/shared") || r.Header.Get("X-Mine") != "***" {
				l.Errorf("got %+v", r)
			}
			reasons = append(reasons, r.Reason)
		}
		return reasons
	}
	refuse := func(path, reason string, fits bool) {
		h.Refuse(path, store.Refusal{ReceivedAt: start, StatusCode: 401, Reason: reason, Header: shared.Header, HeaderFits: fits})
	}
	refuse(shared.Path, "wrong or missing header", false)
	refuse(ticket("a").Path, "of a task", true)
	refuse("/narada/unknown", "unknown", true)
	refuse(shared.Path, "first", true)
	refuse(shared.Path, "second", true)
	other := l.open() // a listener may have ended
	l.same("the newest ones", []string{"second", "first"}, recent(h, 10))
	l.same("in another process", []string{"second"}, recent(other, 1))

	for path := range 1 + store.MaxOtherRefusals/store.MaxRefusals {
		shared.Path = fmt.Sprint("/narada/shared", path)
		h.Share(shared)
		for range store.MaxRefusals + 1 {
			refuse(shared.Path, "other", true)
		}
		if list := recent(h, 1000); len(list) != min((path+1)*store.MaxRefusals+2, store.MaxOtherRefusals) {
			l.Errorf("%d are kept of %d paths", len(list), path+1)
		}
	}
	if list, err := h.Refusals(l.ctx(), h.task("req_1")); len(list) != 1 || err != nil {
		l.Errorf("of the task: %+v, %v", list, err)
	}
}
