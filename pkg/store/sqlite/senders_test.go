package sqlite

import (
	"slices"
	"testing"
	"time"
)

func TestSenders(t *testing.T) {
	var c senders
	one := &write{deliveries: []*delivery{{}}}
	some := func(n int) []*write { return slices.Repeat([]*write{one}, n) }
	now := start
	expect := func(want int, what string) {
		t.Helper()
		if got := c.expected(now); got != want {
			t.Errorf("%s: %d are expected, want %d", what, got, want)
		}
	}
	for range 100 { // one that comes again and again has nobody to wait for
		c.arrived(one)
		expect(0, "alone")
		c.answered(some(1), now)
		now = now.Add(time.Millisecond)
	}
	c.arrived(one)
	c.answered(some(64), now)
	c.arrived(&write{}) // of another kind
	expect(64, "after a group")
	for range 24 {
		c.arrived(one)
	}
	expect(40, "when some are back")
	now = now.Add(2 * maxAway)
	expect(0, "when they stay away")
	for range 1000 {
		c.answered(some(10), now)
	}
	expect(maxGroup, "at the most")
}
