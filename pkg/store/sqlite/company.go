package sqlite

import (
	"runtime"
	"time"
)

// awayMost is how long somebody who was answered is taken to be about to come
// back.
const awayMost = 20 * time.Millisecond

// company tells how many writes are about to come: whoever has just been answered
// may come back, as a connection has its next callback when the last one has been
// acknowledged. What has come is no measure of it, since a single processor reads
// the network only when it has nothing else to do. One that is alone has nobody
// to wait for: when it comes back, nobody is away.
type company struct {
	away []time.Time // when they were answered, the oldest first
}

// came takes note of a write that has come.
func (c *company) came(one *write) {
	if one.delivery != nil && len(c.away) > 0 {
		c.away = c.away[1:]
	}
}

// answered takes note of those whose callbacks are acknowledged now, who may come
// back. Other writes have no such company.
func (c *company) answered(group []*write, now time.Time) {
	for _, one := range group {
		if one.delivery != nil {
			c.away = append(c.away, now)
		}
	}
	if extra := len(c.away) - groupMost; extra > 0 {
		c.away = append([]time.Time(nil), c.away[extra:]...)
	}
}

// enough reports whether a group of that size need not wait for more: when half of
// all are there, as the others can be read while these are synced; or all, where
// one processor does both.
func (c *company) enough(size int, now time.Time) bool {
	expected := c.expected(now)
	return expected == 0 || size >= expected && runtime.GOMAXPROCS(0) > 1
}

// expected is how many are about to come.
func (c *company) expected(now time.Time) int {
	for len(c.away) > 0 && now.Sub(c.away[0]) > awayMost {
		c.away = c.away[1:]
	}
	return len(c.away)
}
