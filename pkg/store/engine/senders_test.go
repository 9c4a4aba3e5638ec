package engine

import (
	"testing"
	"time"
)

func TestAnsweredSendersAreExpectedToSendAgain(t *testing.T) {
	var c senders
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	expect := func(want int, what string) {
		t.Helper()
		if got := c.expected(now); got != want {
			t.Errorf("%s: %d senders are expected, want %d", what, got, want)
		}
	}
	for range 100 { // a single sender waits for no other
		c.arrived()
		expect(0, "alone")
		c.answered(1, now)
		now = now.Add(time.Millisecond)
	}
	c.arrived()
	c.answered(64, now)
	c.answered(0, now) // without callbacks
	expect(64, "after a group")
	for range 24 {
		c.arrived()
	}
	expect(40, "after some have sent again")
	now = now.Add(2 * maxAway)
	expect(0, "after maxAway")
	for range 1000 {
		c.answered(10, now)
	}
	expect(MaxGroup, "at most")
}
