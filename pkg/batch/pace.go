package batch

import (
	"context"
	"math"
	"sync"
	"time"
)

// How the pace changes when the cloud says that it is too much.
const (
	slowDown  = 0.5                    // of the rate, at a 429
	speedUp   = 1.1                    // at each task that is accepted
	shortHold = 100 * time.Millisecond // after a 429 without Retry-After, doubled while they go on
	maxHold   = 5 * time.Minute
	minRate   = 0.1 // tasks a second
	forget    = 4.0 // times the rate at the first 429, at which it is no limit any more
	lookBack  = 2.0 // seconds that the rate is taken over
)

// pace is how fast tasks are sent, by all together: by a rate that was asked for,
// and more slowly for a while when the cloud answers 429. It is safe for use by
// several goroutines at once.
type pace struct {
	asked float64 // tasks a second that were asked for; +Inf: as fast as can be

	mu    sync.Mutex
	limit float64   // tasks a second for now
	high  float64   // limit from which there is none any more
	next  time.Time // the next task may be sent from then on
	holds int       // in a row without Retry-After
	held  time.Time // until then all wait for the cloud

	since time.Time // of sent
	sent  float64   // tasks, about, within the last moments
}

// newPace returns a pace of so many tasks a second; 0 is no limit.
func newPace(rate float64) *pace {
	if rate == 0 {
		rate = math.Inf(1)
	}
	return &pace{asked: rate, limit: rate}
}

// wait waits for the turn of a task. The error is the cause of ctx's end.
func (p *pace) wait(ctx context.Context) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		pause := p.turn(time.Now())
		if pause <= 0 {
			return nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// turn takes a turn, or says how long there is none.
func (p *pace) turn(now time.Time) (wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := p.held; now.Before(until) {
		return until.Sub(now)
	}
	if now.Before(p.next) {
		return p.next.Sub(now)
	}
	if !math.IsInf(p.limit, 1) {
		gap := time.Duration(float64(time.Second) / p.limit)
		if now.Sub(p.next) > gap { // turns are not saved up
			p.next = now
		}
		p.next = p.next.Add(gap)
	}
	p.note(now)
	return 0
}

// note counts a task that is sent, those before it less and less.
func (p *pace) note(now time.Time) {
	p.sent = p.sent*math.Exp(-now.Sub(p.since).Seconds()/lookBack) + 1
	p.since = now
}

// rate is how many tasks a second were sent of late.
func (p *pace) rate(now time.Time) float64 {
	return p.sent * math.Exp(-now.Sub(p.since).Seconds()/lookBack) / lookBack
}

// accepted speeds all up again.
func (p *pace) accepted() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holds = 0
	if p.limit == p.asked {
		return
	}
	if p.limit *= speedUp; p.limit >= min(p.high, p.asked) {
		p.limit = p.asked
	}
}

// refused slows all down: the cloud has answered 429, and asked to be left alone
// for so long; 0: it did not say.
func (p *pace) refused(retryAfter time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	hold := min(retryAfter, maxHold)
	if retryAfter <= 0 {
		hold = min(shortHold<<min(p.holds, 6), maxHold)
	}
	again := now.Before(p.held) // one of those that were under way
	if until := now.Add(hold); until.After(p.held) {
		p.held = until
	}
	if again {
		return
	}
	p.holds++
	rate := p.limit
	if math.IsInf(rate, 1) || p.limit == p.asked {
		rate = min(p.limit, max(p.rate(now), minRate))
		p.high = rate * forget
	}
	p.limit = max(rate*slowDown, minRate)
}
