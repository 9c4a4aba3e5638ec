package await

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/url"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/semaphore"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/panics"
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
	alone  pace // of tasks that only polls can answer
	answer func(id string, r *narada.Result)
	failed func(id string, err error, inARow int, gaveUp bool) // of each call that failed
}

// poller polls for the state of every watched task. Each has a timer; the calls that are
// due wait for a slot and for the gap.
type poller struct {
	o       pollerOptions
	running context.Context // until close
	cancel  context.CancelFunc
	slots   *semaphore.Weighted
	calls   sync.WaitGroup // due or under way

	mu       sync.Mutex
	pace     pace
	watched  map[string]*watch
	notUntil time.Time // for all tasks: from Retry-After
	next     time.Time // end of the gap after the newest call
}

// watch is one task that is polled for.
type watch struct {
	id        string
	mayAppear bool // the cloud may not know a new ID for a moment
	alone     bool // no callback can answer
	at        time.Time
	timer     *time.Timer // fires at that time
	lastLook  time.Time   // the last poll before the deadline, even during Retry-After; zero: none, or done
	interval  time.Duration
	backoff   *backoff.ExponentialBackOff // while calls fail
	failures  int
	users     int  // that have not stopped it
	reached   bool // the API has answered: a fault of the connection is temporary
	calling   bool // a call is under way
	hurry     bool // poll again when the call under way has ended
}

// newPoller starts a poller, which runs until close.
func newPoller(o pollerOptions) *poller {
	p := &poller{o: o, slots: semaphore.NewWeighted(maxInFlight), pace: o.pace, watched: map[string]*watch{}}
	p.running, p.cancel = context.WithCancel(context.Background())
	return p
}

// close stops the poller and waits for its calls.
func (p *poller) close() {
	p.cancel()
	p.mu.Lock()
	for _, w := range p.watched {
		w.timer.Stop()
	}
	clear(p.watched)
	p.mu.Unlock()
	p.calls.Wait()
}

// watch polls for the task, first immediately or after the pace's first interval, until it
// is final or stop is called, and once more shortly before the deadline. A zero deadline is
// none.
func (p *poller) watch(w watch, atOnce bool, deadline time.Time) (stop func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	watched := p.watched[w.id]
	if watched == nil {
		now := time.Now()
		if remaining := deadline.Sub(now); !deadline.IsZero() {
			w.lastLook = deadline.Add(-min(lookBefore, remaining/4))
		}
		w.interval, w.at = p.paceOf(&w).first, now
		if !atOnce {
			w.at = now.Add(w.interval)
		}
		w.at = p.when(&w, w.at)
		watched = &w
		p.watched[w.id] = watched
		w.timer = time.AfterFunc(w.at.Sub(now), func() { p.due(watched) })
	}
	watched.users++
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if watched.users--; watched.users == 0 && p.watched[w.id] == watched {
			watched.timer.Stop()
			delete(p.watched, w.id)
		}
	})
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
		w.interval = p.paceOf(w).first
		switch {
		case w.calling:
			w.hurry = w.hurry || atOnce
		case w.at.After(latest):
			p.plan(w, latest)
		}
	}
}

// paceOf returns the pace of a task.
func (p *poller) paceOf(w *watch) pace {
	if w.alone {
		return p.o.alone
	}
	return p.pace
}

// plan schedules the next poll.
func (p *poller) plan(w *watch, at time.Time) {
	w.at = p.when(w, at)
	w.timer.Reset(time.Until(w.at))
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

// due makes the call that is due.
func (p *poller) due(w *watch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watched[w.id] == w {
		p.calls.Go(func() { p.call(w) })
	}
}

// ready reports whether the call may still be made. During a Retry-After it is made later.
func (p *poller) ready(w *watch) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watched[w.id] != w {
		return false
	}
	now := time.Now()
	if at := p.when(w, now); at.After(now) {
		p.plan(w, at)
		return false
	}
	return true
}

// start waits for the gap after the last call, and begins a call if it may still be made.
func (p *poller) start(w *watch) bool {
	if !p.ready(w) {
		return false
	}
	p.mu.Lock()
	pause := max(0, time.Until(p.next))
	p.next = time.Now().Add(pause + p.pace.gap)
	p.mu.Unlock()
	if !Sleep(p.running, pause) || !p.ready(w) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w.calling = true
	if !w.lastLook.After(time.Now()) {
		w.lastLook = time.Time{}
	}
	return true
}

// call makes a call. One that panics is the last.
func (p *poller) call(w *watch) {
	err := panics.Catch(func() error {
		p.ask(w)
		return nil
	})
	if err == nil {
		return
	}
	p.mu.Lock()
	watched := p.watched[w.id] == w
	if watched {
		delete(p.watched, w.id)
	}
	p.mu.Unlock()
	if watched {
		p.o.failed(w.id, err, w.failures+1, true)
	}
}

func (p *poller) ask(w *watch) {
	if p.slots.Acquire(p.running, 1) != nil {
		return
	}
	defer p.slots.Release(1)
	if !p.start(w) {
		return
	}
	ctx, cancel := context.WithTimeout(p.running, callLimit)
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
	w.calling = false
	if p.watched[w.id] != w {
		return false, 0 // stopped in the meantime
	}
	pause := w.interval
	_, connection := errors.AsType[*url.Error](err)
	w.reached = w.reached || !connection
	switch {
	case err == nil && r.Final():
		delete(p.watched, w.id)
		return false, 0
	case err == nil:
		w.failures, w.backoff = 0, nil
		w.interval = min(time.Duration(float64(w.interval)*growth), p.paceOf(w).max)
	case !narada.Temporary(err) && !(w.mayAppear && NotFound(err)) && !(w.reached && connection):
		delete(p.watched, w.id)
		return true, w.failures + 1
	default:
		w.failures++
		pause = p.afterFailure(w, err)
	}
	if w.hurry {
		pause, w.hurry = 0, false
	}
	p.plan(w, time.Now().Add(pause))
	return false, w.failures
}

func (p *poller) afterFailure(w *watch, err error) time.Duration {
	if w.backoff == nil {
		w.backoff = newBackoff(p.paceOf(w).first/3, p.paceOf(w).max)
	}
	pause := w.backoff.NextBackOff()
	if asked := retryAfter(err); asked > 0 {
		// With some jitter, so that not all return at the same moment.
		pause = min(asked, maxRetryAfter) + time.Duration(rand.Int64N(int64(asked)/10+1))
		if until := time.Now().Add(min(asked, maxRetryAfter)); until.After(p.notUntil) {
			p.notUntil = until
		}
	}
	return pause
}
