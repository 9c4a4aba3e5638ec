package sqlite

import (
	"runtime"
	"time"
)

// maxAway is how long somebody who was answered is taken to be about to come back.
const maxAway = 20 * time.Millisecond

// senders tells how many callbacks are about to come: a connection whose callback has
// just been acknowledged may send its next one. How many have come is no measure of it,
// since a single processor reads the network only when it has nothing else to do. A
// sender that is alone has nobody to wait for: when it comes back, nobody is away.
type senders struct {
	away []time.Time // when they were answered, the oldest first
}

// arrived takes note of a write that has come.
func (s *senders) arrived(one *write) {
	if one.deliveries != nil && len(s.away) > 0 {
		s.away = s.away[1:]
	}
}

// answered takes note of those whose callbacks are acknowledged now. Who has written
// something else is not waited for.
func (s *senders) answered(group []*write, now time.Time) {
	for _, one := range group {
		if one.deliveries != nil {
			s.away = append(s.away, now)
		}
	}
	s.away = s.away[max(0, len(s.away)-maxGroup):]
}

// enough reports whether a group of that size need not wait for more: when half of
// all are there, as the others can be read while these are synced; or all, where
// one processor does both.
func (s *senders) enough(size int, now time.Time) bool {
	expected := s.expected(now)
	return expected == 0 || size >= expected && runtime.GOMAXPROCS(0) > 1
}

// expected is how many are about to come.
func (s *senders) expected(now time.Time) int {
	for len(s.away) > 0 && now.Sub(s.away[0]) > maxAway {
		s.away = s.away[1:]
	}
	return len(s.away)
}
