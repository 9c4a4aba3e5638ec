package receive

import (
	"sync"
	"time"
)

// repeatPause is how long the same thing is not reported again.
const repeatPause = time.Minute

// maxReasons limits the memory of repeats.
const maxReasons = 100

// repeats tells what happens again and again, so that it is reported at most once per reason
// and repeatPause. Its zero value is ready for use.
type repeats struct {
	mu   sync.Mutex
	seen map[string]*repeat // by reason
}

// repeat is what happens for one reason.
type repeat struct {
	at    time.Time // of the last report
	times int       // since then
}

// note counts what happens at that time for the reason. If it is to be reported, times is
// how often it has happened since the last report, this time included; otherwise it is 0.
func (r *repeats) note(reason string, now time.Time) (times int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen) >= maxReasons {
		clear(r.seen)
	}
	one := r.seen[reason]
	if one == nil {
		one = &repeat{}
		if r.seen == nil {
			r.seen = map[string]*repeat{}
		}
		r.seen[reason] = one
	}
	if one.times++; now.Sub(one.at) < repeatPause {
		return 0
	}
	times = one.times
	one.at, one.times = now, 0
	return times
}
