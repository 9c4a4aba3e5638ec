package sqlite

import (
	"slices"
	"testing"
	"time"
)

func TestCompany(t *testing.T) {
	var c company
	one := &write{delivery: &arrival{}}
	some := func(n int) []*write { return slices.Repeat([]*write{one}, n) }
	now := start
	expect := func(want int, what string) {
		t.Helper()
		if got := c.expected(now); got != want {
			t.Errorf("%s: %d are expected, want %d", what, got, want)
		}
	}
	for range 100 { // one that comes again and again has nobody to wait for
		c.came(one)
		expect(0, "alone")
		c.answered(some(1), now)
		now = now.Add(time.Millisecond)
	}
	c.came(one)
	c.answered(some(64), now)
	c.came(&write{}) // of another kind
	expect(64, "after a group")
	for range 24 {
		c.came(one)
	}
	expect(40, "when some are back")
	now = now.Add(2 * awayMost)
	expect(0, "when they stay away")
	for range 1000 {
		c.answered(some(10), now)
	}
	expect(groupMost, "at the most")
}
