package await

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/narada-cli/narada/pkg/narada"
)

// pace is how often a task is polled: first after first, then less and less often, up to
// every max. There is at least gap between any two calls.
type pace struct{ first, max, gap time.Duration }

// Paces for a poll interval: polling alone, and polling beside an endpoint. Many tasks have
// at most 30 calls in an interval, or 6, or two in a second if that is more.
func paceAlone(interval time.Duration) pace {
	return pace{interval, 5 * interval, min(interval/30, maxGap)}
}
func paceBeside(interval time.Duration) pace {
	return pace{5 * interval, 20 * interval, min(interval/6, maxGap)}
}

const (
	growth        = 1.25             // of the interval, after each poll
	callLimit     = 30 * time.Second // of one status call
	maxInFlight   = 8                // status calls, for all tasks together
	maxRetryAfter = 5 * time.Minute  // that a Retry-After is honoured
	maxGap        = 500 * time.Millisecond
	lookBefore    = 2 * time.Second // time of the last poll before the time limit
)

// pollerOptions configure a poller.
type pollerOptions struct {
	status func(ctx context.Context, id string) (*narada.Result, error)
	pace   pace
	answer func(id string, r *narada.Result)
	failed func(id string, err error, inARow int, gaveUp bool) // of each call that failed
}

// poller polls for the state of every watched task. One loop schedules all calls.
type poller struct {
	o      pollerOptions
	cancel context.CancelFunc
	wake   chan struct{}
	done   chan struct{}
	calls  sync.WaitGroup

	mu       sync.Mutex
	pace     pace
	due      schedule
	watched  map[string]*watch
	inFlight int
	notUntil time.Time // for all tasks: from Retry-After
	next     time.Time // end of the gap after the newest call
}

// watch is one task that is polled for.
type watch struct {
	id        string
	mayAppear bool // the cloud may not know a new ID for a moment
	at        time.Time
	lastLook  time.Time // the last poll before the deadline, even during Retry-After; zero: none, or done
	interval  time.Duration
	backoff   *backoff.ExponentialBackOff // while calls fail
	failures  int
	hurry     bool // poll again when the call under way has ended
	index     int  // in the schedule, -1 while a call is under way
}

// newPoller starts a poller, which runs until close.
func newPoller(o pollerOptions) *poller {
	ctx, cancel := context.WithCancel(context.Background())
	p := &poller{
		o: o, cancel: cancel, pace: o.pace, watched: map[string]*watch{},
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	go p.loop(ctx)
	return p
}

// close stops the poller and waits for its calls.
func (p *poller) close() {
	p.cancel()
	<-p.done
	p.calls.Wait()
}

// watch polls for the task, first after first (0: immediately), until it is final or stop
// is called, and once more shortly before the deadline. A zero deadline is none.
func (p *poller) watch(w watch, first time.Duration, deadline time.Time) (stop func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watched[w.id] == nil {
		now := time.Now()
		if left := deadline.Sub(now); !deadline.IsZero() {
			w.lastLook = deadline.Add(-min(lookBefore, left/4))
		}
		w.interval = p.pace.first
		p.watched[w.id] = &w
		p.push(&w, now.Add(first))
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		watched := p.watched[w.id]
		delete(p.watched, w.id)
		if watched != nil && watched.index >= 0 {
			heap.Remove(&p.due, watched.index)
		}
	}
}

// first returns the first interval of the pace.
func (p *poller) first() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pace.first
}

// setPace changes the pace of all tasks. The next poll of each is due after the new pace's
// first interval at the latest, or immediately.
func (p *poller) setPace(pace pace, atOnce bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pace = pace
	latest := time.Now()
	if !atOnce {
		latest = latest.Add(pace.first)
	}
	for _, w := range p.watched {
		w.interval = pace.first
		switch {
		case w.index < 0:
			w.hurry = w.hurry || atOnce
		case w.at.After(latest):
			p.move(w, latest)
		}
	}
	p.nudge()
}

// push adds the task to the schedule.
func (p *poller) push(w *watch, at time.Time) {
	w.at = p.when(w, at)
	heap.Push(&p.due, w)
	p.nudge()
}

// move reschedules the task.
func (p *poller) move(w *watch, at time.Time) {
	w.at = p.when(w, at)
	heap.Fix(&p.due, w.index)
}

// when returns the time for a poll planned at that time: later during a Retry-After, but
// not after the last look.
func (p *poller) when(w *watch, at time.Time) time.Time {
	at = at.Add(max(0, p.notUntil.Sub(at)))
	if !w.lastLook.IsZero() && at.After(w.lastLook) {
		return w.lastLook
	}
	return at
}

func (p *poller) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *poller) loop(ctx context.Context) {
	defer close(p.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if wait, some := p.startDue(ctx); some {
			timer.Reset(wait)
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-p.wake:
		}
	}
}

// startDue starts the calls that are due and returns the time until the next.
func (p *poller) startDue(ctx context.Context) (wait time.Duration, some bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.due) > 0 && p.inFlight < maxInFlight {
		now := time.Now()
		if wait := max(p.due[0].at.Sub(now), p.next.Sub(now)); wait > 0 {
			return wait, true
		}
		w := heap.Pop(&p.due).(*watch)
		if !w.lastLook.After(now) {
			w.lastLook = time.Time{}
		}
		p.inFlight++
		p.next = now.Add(p.pace.gap)
		p.calls.Go(func() { p.call(ctx, w) })
	}
	return 0, false // a call that ends, or a new watch, wakes the loop
}

func (p *poller) call(ctx context.Context, w *watch) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	r, err := p.o.status(ctx, w.id)
	if err == nil {
		p.o.answer(w.id, r)
	}
	if gaveUp, failures := p.reschedule(w, r, err); failures > 0 {
		p.o.failed(w.id, err, failures, gaveUp)
	}
}

// reschedule schedules the next call, if there is one.
func (p *poller) reschedule(w *watch, r *narada.Result, err error) (gaveUp bool, failures int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inFlight--
	defer p.nudge()
	if p.watched[w.id] != w {
		return false, 0 // stopped in the meantime
	}
	pause := w.interval
	switch {
	case err == nil && r.Final():
		delete(p.watched, w.id)
		return false, 0
	case err == nil:
		w.failures, w.backoff = 0, nil
		w.interval = min(time.Duration(float64(w.interval)*growth), p.pace.max)
	case !narada.Temporary(err) && !(w.mayAppear && NotFound(err)):
		delete(p.watched, w.id)
		return true, w.failures + 1
	default:
		w.failures++
		pause = p.afterFailure(w, err)
	}
	if w.hurry {
		pause, w.hurry = 0, false
	}
	p.push(w, time.Now().Add(pause))
	return false, w.failures
}

func (p *poller) afterFailure(w *watch, err error) time.Duration {
	if w.backoff == nil {
		w.backoff = newBackoff(p.pace.first/3, p.pace.max)
	}
	pause := w.backoff.NextBackOff()
	if asked := retryAfter(err); asked > 0 {
		// With some jitter, so that not all return at the same moment.
		pause = min(asked, maxRetryAfter) + time.Duration(rand.Int64N(int64(asked)/10+1))
		p.pauseUntil(time.Now().Add(min(asked, maxRetryAfter)))
	}
	return pause
}

// pauseUntil delays all polls until then.
func (p *poller) pauseUntil(until time.Time) {
	if !until.After(p.notUntil) {
		return
	}
	p.notUntil = until
	for _, w := range p.due {
		w.at = p.when(w, w.at)
	}
	heap.Init(&p.due)
}

// schedule is a heap of watches by time.
type schedule []*watch

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].at.Before(s[j].at) }
func (s schedule) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index, s[j].index = i, j
}

// Push implements heap.Interface.
func (s *schedule) Push(x any) {
	w := x.(*watch)
	w.index = len(*s)
	*s = append(*s, w)
}

// Pop implements heap.Interface.
func (s *schedule) Pop() any {
	last := len(*s) - 1
	w := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	w.index = -1
	return w
}
