package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestATimelineIsSortedByTime(t *testing.T) {
	at := func(seconds int) time.Time { return time.Date(2026, 1, 2, 3, 4, seconds, 0, time.UTC) }
	asks := func(seconds int, input string) Delivery {
		return Delivery{Seq: 7, ReceivedAt: at(seconds), Body: []byte(`{"requestId":"r","status":"input-required","hitlInputMetadata":{"inputId":"` + input + `"},"secret":null}`)}
	}
	written := []Event{
		{Number: 1, At: at(0), Kind: EventDispatched}, {Number: 2, At: at(1), Kind: EventAccepted},
		{Number: 3, At: at(3), Kind: EventForwardAttempted}, {Number: 4, At: at(3), Kind: EventPolled},
		{Number: 5, At: at(4), Kind: EventPersonAsked, EventDetail: EventDetail{InputID: "b"}}, {Number: 6, At: at(5), Kind: EventPersonAsked, EventDetail: EventDetail{InputID: "c"}},
	}
	list, err := Timeline(Task{Number: 9}, written, []Delivery{asks(3, "a"), asks(5, "b"), {ReceivedAt: at(6), Final: true, Body: []byte(`{"requestId":"r","status":"success","secret":null,"completedAt":"x"}`)}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range list {
		got = append(got, e.At.Format("5 ")+string(e.Kind)+" "+e.InputID+string(e.Status))
	}
	want := []string{"0 dispatched ", "1 accepted ", "3 polled ", "3 callback-delivered input-required", "3 person-asked a", "3 forward-attempted ",
		"4 person-asked b", "5 person-asked c", "5 callback-delivered input-required", "6 callback-delivered success"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if list[3].Task != 9 || list[3].Seq != 7 || list[len(list)-1].Final != true {
		t.Errorf("got %+v", list)
	}
	if _, err := Timeline(Task{}, nil, []Delivery{{Body: []byte("x")}}); err == nil {
		t.Error("no error")
	}
}
