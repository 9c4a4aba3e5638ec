package sqlite

import (
	"slices"
	"testing"
	"time"
)

func TestAnsweredSendersAreExpectedToSendAgain(t *testing.T) {
	var c senders
	one := &write{deliveries: []*delivery{{}}}
	some := func(n int) []*write { return slices.Repeat([]*write{one}, n) }
	now := start
	expect := func(want int, what string) {
		t.Helper()
		if got := c.expected(now); got != want {
			t.Errorf("%s: %d senders are expected, want %d", what, got, want)
		}
	}
	for range 100 { // a single sender waits for no other
		c.arrived(one)
		expect(0, "alone")
		c.answered(some(1), now)
		now = now.Add(time.Millisecond)
	}
	c.arrived(one)
	c.answered(some(64), now)
	c.arrived(&write{}) // without callbacks
	expect(64, "after a group")
	for range 24 {
		c.arrived(one)
	}
	expect(40, "after some have sent again")
	now = now.Add(2 * maxAway)
	expect(0, "after maxAway")
	for range 1000 {
		c.answered(some(10), now)
	}
	expect(maxGroup, "at most")
}
