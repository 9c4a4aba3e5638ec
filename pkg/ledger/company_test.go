package ledger

import (
	"testing"
	"time"
)

func TestCompany(t *testing.T) {
	var c company
	now := start
	expect := func(want int, what string) {
		t.Helper()
		if got := c.expected(now); got != want {
			t.Errorf("%s: %d are expected, want %d", what, got, want)
		}
	}
	for range 100 { // one that comes again and again has nobody to wait for
		c.came()
		expect(0, "alone")
		c.answered(1, now)
		now = now.Add(time.Millisecond)
	}
	c.came()
	c.answered(64, now)
	expect(64, "after a group")
	for range 24 {
		c.came()
	}
	expect(40, "when some are back")
	now = now.Add(2 * awayMost)
	expect(0, "when they stay away")
	for range 1000 {
		c.answered(10, now)
	}
	expect(groupMost, "at the most")
}
