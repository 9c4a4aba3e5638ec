package batch

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"
)

// How the pace adapts to 429 answers.
const (
	slowDown  = 0.5                    // factor of the rate, at a 429
	speedUp   = 1.1                    // factor at each accepted task
	shortHold = 100 * time.Millisecond // after a 429 without Retry-After, doubled for each in a row
	maxHold   = 5 * time.Minute
	minRate   = 0.1 // tasks a second
	forget    = 4.0 // factor of the rate at the first 429 at which the limit is removed
	lookBack  = 2.0 // seconds over which the rate is measured
)

// pace limits the rate at which tasks are sent: to the requested rate, and for a while to
// less after a 429. It is safe for concurrent use.
type pace struct {
	asked float64 // requested tasks per second; +Inf: no limit

	mu    sync.Mutex
	limit float64   // current tasks per second
	high  float64   // rate at which the limit is removed
	next  time.Time // earliest time of the next task
	holds int       // 429s in a row
	held  time.Time // no task is sent before

	since time.Time // of sent
	sent  float64   // decaying count of recent tasks
}

// newPace returns a pace of rate tasks per second; 0: no limit.
func newPace(rate float64) *pace {
	if rate == 0 {
		rate = math.Inf(1)
	}
	return &pace{asked: rate, limit: rate}
}

// wait waits until a task may be sent. The error is the cause of ctx's end.
func (p *pace) wait(ctx context.Context) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		pause := p.turn(time.Now())
		if pause <= 0 {
			return nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// turn takes a turn, or returns how long to wait.
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
		if now.Sub(p.next) > gap { // no burst after a pause
			p.next = now
		}
		p.next = p.next.Add(gap)
	}
	p.note(now)
	return 0
}

// note counts a sent task; older ones decay.
func (p *pace) note(now time.Time) {
	p.sent = p.sent*math.Exp(-now.Sub(p.since).Seconds()/lookBack) + 1
	p.since = now
}

// rate returns the recent tasks per second.
func (p *pace) rate(now time.Time) float64 {
	return p.sent * math.Exp(-now.Sub(p.since).Seconds()/lookBack) / lookBack
}

// accepted raises the rate again.
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

// refused lowers the rate after a 429 with that Retry-After, 0 if it had none.
func (p *pace) refused(retryAfter time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	hold := min(retryAfter, maxHold)
	if retryAfter <= 0 {
		hold = min(shortHold<<min(p.holds, 6), maxHold)
	}
	again := now.Before(p.held) // of a call that was under way
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

// ParseRate reads a number of tasks per second, minute or hour, as 5/s, 30/m or 100/h.
// It returns tasks per second.
func ParseRate(text string) (float64, error) {
	count, unit, _ := strings.Cut(text, "/")
	seconds, ok := map[string]float64{"": 1, "s": 1, "m": 60, "h": 3600}[unit]
	n, err := strconv.ParseFloat(count, 64)
	if err != nil || !ok || !(n > 0) || n > 1e6 {
		return 0, fmt.Errorf("%q is not a rate: write it as 5/s, 30/m or 100/h", text)
	}
	return n / seconds, nil
}
