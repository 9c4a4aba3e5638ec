package engine

import (
	"runtime"
	"time"
)

// maxAway is how long an answered sender is expected to send again.
const maxAway = 20 * time.Millisecond

// senders estimates how many callbacks are about to arrive: a connection whose callback
// was just acknowledged may send its next one. The number of arrived ones does not tell,
// since a single processor reads the network only when idle. A single sender waits for
// no one: when it returns, no other is away.
type senders struct {
	away []time.Time // when they were answered, oldest first
}

// arrived records a callback that has arrived.
func (s *senders) arrived() {
	if len(s.away) > 0 {
		s.away = s.away[1:]
	}
}

// answered records that the senders of count callbacks are answered now.
func (s *senders) answered(count int, now time.Time) {
	for range count {
		s.away = append(s.away, now)
	}
	s.away = s.away[max(0, len(s.away)-MaxGroup):]
}

// enough reports whether a group of that size need not wait for more: it has half of all
// senders, as the others can be read during the sync, or all with a single processor.
func (s *senders) enough(size int, now time.Time) bool {
	expected := s.expected(now)
	return expected == 0 || size >= expected && runtime.GOMAXPROCS(0) > 1
}

// expected returns how many are about to send.
func (s *senders) expected(now time.Time) int {
	for len(s.away) > 0 && now.Sub(s.away[0]) > maxAway {
		s.away = s.away[1:]
	}
	return len(s.away)
}
