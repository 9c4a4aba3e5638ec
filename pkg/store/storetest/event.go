package storetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/store"
)

var eventTests = []test{
	{"The events of a task are complete and sorted by time", eventsOfATask},
	{"A poll without a change is no event", pollWithoutNews},
	{"A repeated question to a person is one event", personIsAskedOnce},
	{"Each attempt to forward a callback is an event", forwardEvents},
	{"Attempts to forward a callback of a task sent elsewhere are events of that task", forwardEventsOfElsewhere},
	{"A refusal and a second acceptance are events", refusedAndAcceptedTwice},
	{"The texts of events are cut", eventsAreBounded},
}

// eventsOf returns the events of the task as text.
func (h handle) eventsOf(id string) (list []string) {
	h.t.Helper()
	return h.words(h.task(id))
}

func (h handle) words(t store.Task) (list []string) {
	h.t.Helper()
	events, err := h.Events(h.ctx(), t)
	if err != nil {
		h.t.Fatal(err)
	}
	for i, e := range events {
		if e.Task != t.Number || i > 0 && e.At.Before(events[i-1].At) {
			h.t.Errorf("%+v after %v", e, events[max(i-1, 0)])
		}
		words := []string{string(e.Kind)}
		if e.Seq != 0 {
			d, _, err := h.Callback(h.ctx(), e.Seq)
			if err != nil {
				h.t.Fatal(err)
			}
			words = append(words, requestID(d))
		}
		for _, text := range []string{e.RequestID, string(e.Status), e.InputID, e.Target, string(e.State), e.Failure} {
			if text != "" {
				words = append(words, text)
			}
		}
		for _, number := range []int{e.Attempts, e.StatusCode} {
			if number != 0 {
				words = append(words, fmt.Sprint(number))
			}
		}
		list = append(list, strings.Join(words, " "))
	}
	return list
}

func requestID(d store.Delivery) string { return polled(string(d.Body)).RequestID }

func eventsOfATask(l ledger) {
	h, other := l.open(), l.open()
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	number := h.intend("a")
	h.write(&store.Accept{Task: number, RequestID: "req_1", At: at(1)})
	d := callback("a", phase("req_1", "a"))
	d.ReceivedAt = at(2)
	other.write(&store.Deliver{Delivery: d})
	h.write(&store.Poll{Result: polled(`{"requestId":"req_1","status":"pending"}`), At: at(3)})
	d = callback("a", final("req_1", "a", "42"))
	d.ReceivedAt = at(4)
	other.write(&store.Deliver{Delivery: d})
	want := []string{"dispatched", "accepted req_1", "callback-delivered req_1 input-required", "person-asked input_1", "polled pending", "callback-delivered req_1 success"}
	l.same("events", want, h.eventsOf("req_1"))
	l.same("events, in another process", want, other.eventsOf("req_1"))
	events, err := h.Events(l.ctx(), h.task("req_1"))
	l.must(err)
	for i, minutes := range []int{0, 1, 2, 2, 3, 4} {
		if !events[i].At.Equal(at(minutes)) || events[i].Final != (i == 5) {
			l.Errorf("%d: %+v", i, events[i])
		}
	}
}

func pollWithoutNews(l ledger) {
	h := l.open()
	h.accepted("a", "req_1")
	for range 3 {
		h.write(&store.Poll{Result: polled(`{"requestId":"req_1","status":"pending"}`), At: start})
	}
	l.same("events", []string{"dispatched", "accepted req_1"}, h.eventsOf("req_1"))
	h.write(&store.Poll{Result: polledFinal("req_1", "no"), At: start})
	h.write(&store.Poll{Result: polledFinal("req_1", "no"), At: start})
	l.same("events", []string{"dispatched", "accepted req_1", "polled error"}, h.eventsOf("req_1"))
}

func personIsAskedOnce(l ledger) {
	h := l.open()
	h.accepted("a", "req_1")
	ask := func(input string) {
		h.write(&store.Poll{Result: polled(`{"requestId":"req_1","status":"input-required","hitlInputMetadata":{"inputId":"` + input + `"}}`), At: start})
	}
	ask("input_1")
	ask("input_1")
	h.deliver("a", phase("req_1", "a"))
	h.eventsOf("req_1")
	ask("input_1")
	ask("input_2")
	h.deliver("a", question("req_1", "a", "input_3"))
	got := []string{}
	for _, e := range h.eventsOf("req_1") {
		if strings.HasPrefix(e, "person-asked") {
			got = append(got, e)
		}
	}
	l.same("events", []string{"person-asked input_1", "person-asked input_2", "person-asked input_3"}, got)
}

func forwardEvents(l ledger) {
	h := l.open()
	h.accepted("a", "req_1")
	h.write(&store.Deliver{Delivery: callback("a", final("req_1", "a", "42")), Forwarding: store.Forwarding{Listener: "x", Targets: []string{target}}})
	h.write(
		&store.ForwardTried{Seq: 1, Target: target, Failure: "connection refused", At: start},
		&store.ForwardTried{Seq: 1, Target: target, StatusCode: 503, Failure: "answered 503", At: start},
		&store.ForwardEnded{Forward: store.Forward{Seq: 1, Target: target, State: store.ForwardDelivered, StatusCode: 200, EndedAt: start}},
		&store.ForwardTried{Seq: 99, Target: target, At: start}, // of no callback
		&store.ForwardEnded{Forward: store.Forward{Seq: 99, Target: target, State: store.ForwardFailed, EndedAt: start}},
	)
	l.same("events", []string{"dispatched", "accepted req_1", "callback-delivered req_1 success",
		"forward-attempted req_1 " + target + " waiting connection refused 1",
		"forward-attempted req_1 " + target + " waiting answered 503 2 503",
		"forward-attempted req_1 " + target + " forwarded 3 200"}, h.eventsOf("req_1"))
}

// The task is not in the ledger when the callback arrives.
func forwardEventsOfElsewhere(l ledger) {
	h := l.open()
	h.Share(ticket("shared"))
	h.write(&store.Deliver{Delivery: callback("shared", final("req_1", "shared", "42")), Forwarding: store.Forwarding{Listener: "x", Targets: []string{target}}})
	h.write(&store.ForwardEnded{Forward: store.Forward{Seq: 1, Target: target, State: store.ForwardFailed, StatusCode: 401, Failure: "answered 401", EndedAt: start}})
	l.same("events", []string{"callback-delivered req_1 success", "forward-attempted req_1 " + target + " failed answered 401 1 401"}, h.eventsOf("req_1"))
}

func refusedAndAcceptedTwice(l ledger) {
	h := l.open()
	number := h.intend("refused")
	h.write(&store.Refuse{Task: number, Failure: "422", At: start})
	t, _, err := h.Numbered(l.ctx(), number)
	l.must(err)
	l.same("events of the refused one", []string{"dispatched", "refused 422"}, h.words(t))
	first := h.accepted("a", "req_1")
	h.write(&store.AcceptTwice{Task: first, RequestID: "req_2", At: start})
	l.same("events of the first", []string{"dispatched", "accepted req_1", "accepted-twice req_2"}, h.eventsOf("req_1"))
	l.same("events of the second", []string{"accepted req_2"}, h.eventsOf("req_2"))
}

func eventsAreBounded(l ledger) {
	h := l.open()
	number := h.intend("a")
	h.write(&store.Refuse{Task: number, Failure: strings.Repeat("é", 5000), At: start})
	t, _, err := h.Numbered(l.ctx(), number)
	l.must(err)
	events, err := h.Events(l.ctx(), t)
	l.must(err)
	if text := events[1].Failure; len(text) > 500 || !strings.HasPrefix(text, "éé") || strings.ContainsRune(text, '\ufffd') {
		l.Errorf("%d bytes of failure", len(text))
	}
}
