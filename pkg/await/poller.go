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

// Pace is how often a task is asked for: First after it is watched, then ever
// more seldom, up to Most. Between two calls, whichever tasks they are for, is at
// least Gap.
type Pace struct {
	First, Most, Gap time.Duration
}

// Paces for a poll interval: polling alone, and polling beside an endpoint that
// callbacks should come in at. With many tasks there are at most 30 calls in an
// interval, or 6, and at least two in a second.
func PaceAlone(interval time.Duration) Pace {
	return Pace{interval, 5 * interval, min(interval/30, mostGap)}
}
func PaceBeside(interval time.Duration) Pace {
	return Pace{5 * interval, 20 * interval, min(interval/6, mostGap)}
}

const (
	growth       = 1.25             // of the interval, from poll to poll
	callLimit    = 30 * time.Second // for one status call
	mostInFlight = 8                // status calls at once, for all tasks together
	mostRetry    = 5 * time.Minute  // that a Retry-After is obeyed for
	mostGap      = 500 * time.Millisecond
)

// PollerOptions say what a Poller does.
type PollerOptions struct {
	Status func(ctx context.Context, id string) (*narada.Result, error)
	Offer  func(Answer)
	Pace   Pace
	// Failed is told of each failed call: the how manieth in a row for the task,
	// and whether it is given up.
	Failed func(id string, err error, inARow int, gaveUp bool)
	// Retry reports whether to go on after err; nil: narada.Temporary.
	Retry func(error) bool
}

// Poller asks for the state of every task that is watched. One loop keeps the
// times of all; at most eight calls are under way at once.
type Poller struct {
	o      PollerOptions
	cancel context.CancelFunc
	wake   chan struct{}
	done   chan struct{}
	calls  sync.WaitGroup

	mu       sync.Mutex
	pace     Pace
	due      schedule
	watched  map[string]*watch
	inFlight int
	notUntil time.Time // for all tasks: the cloud said how long it wants to be left alone
	next     time.Time // the gap after the newest call is over
}

// watch is one task that is asked for.
type watch struct {
	id       string
	at       time.Time
	interval time.Duration
	backoff  *backoff.ExponentialBackOff // while calls fail
	failures int
	hurry    bool // ask again as soon as the call that is under way has ended
	last     bool // its time is nearly over: even if the cloud wants to be left alone
	index    int  // in the schedule, -1 while a call is under way
}

// NewPoller starts a Poller, which runs until Close.
func NewPoller(o PollerOptions) *Poller {
	if o.Retry == nil {
		o.Retry = narada.Temporary
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Poller{
		o: o, pace: o.Pace, cancel: cancel, watched: map[string]*watch{},
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	go p.loop(ctx)
	return p
}

// Close ends the Poller and the calls that are under way.
func (p *Poller) Close() {
	p.cancel()
	<-p.done
	p.calls.Wait()
}

// Watch asks for the task called id from now on, for the first time after
// first (0: at once), until it is final or stop is called.
func (p *Poller) Watch(id string, first time.Duration) (stop func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watched[id] == nil {
		w := &watch{id: id, at: time.Now().Add(first), interval: p.pace.First}
		p.watched[id] = w
		heap.Push(&p.due, w)
		p.nudge()
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.drop(id)
	}
}

// First is the time after which a task that is now watched is asked for.
func (p *Poller) First() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pace.First
}

// SetPace changes the pace of all tasks. Those that would now be asked for
// later than the new pace's first interval are asked for by then.
func (p *Poller) SetPace(pace Pace) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pace = pace
	latest := time.Now().Add(pace.First)
	for _, w := range p.watched {
		w.interval = pace.First
		if w.index >= 0 && w.at.After(latest) {
			w.at = latest
			heap.Fix(&p.due, w.index)
		}
	}
	p.nudge()
}

// Hurry asks for all tasks at once.
func (p *Poller) Hurry() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.watched {
		p.hurry(w)
	}
	p.nudge()
}

func (p *Poller) hurry(w *watch) {
	if w.index < 0 {
		w.hurry = true
		return
	}
	w.at = time.Now()
	heap.Fix(&p.due, w.index)
}

// LookBefore asks for those tasks a last time shortly before ctx's deadline, if it
// has one, in time for one more call; even if the cloud asked to be left alone
// for longer. ids is called then.
func (p *Poller) LookBefore(ctx context.Context, ids func() []string) (stop func()) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return func() {}
	}
	left := time.Until(deadline)
	timer := time.AfterFunc(left-min(2*time.Second, left/4), func() {
		list := ids()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, id := range list {
			if w := p.watched[id]; w != nil {
				w.last = true
				p.hurry(w)
			}
		}
		p.nudge()
	})
	return func() { timer.Stop() }
}

func (p *Poller) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *Poller) drop(id string) {
	w := p.watched[id]
	if w == nil {
		return
	}
	delete(p.watched, id)
	if w.index >= 0 {
		heap.Remove(&p.due, w.index)
	}
}

func (p *Poller) loop(ctx context.Context) {
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
func (p *Poller) startDue(ctx context.Context) (wait time.Duration, some bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.due) > 0 && p.inFlight < mostInFlight {
		now := time.Now()
		at := p.due[0].at
		if !p.due[0].last {
			at = later(at, p.notUntil)
		}
		at = later(at, p.next)
		if wait := at.Sub(now); wait > 0 {
			return wait, true
		}
		w := heap.Pop(&p.due).(*watch)
		p.inFlight++
		p.next = now.Add(p.pace.Gap)
		p.calls.Go(func() { p.call(ctx, w) })
	}
	return 0, false // a call that ends, or a new watch, wakes the loop
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func (p *Poller) call(ctx context.Context, w *watch) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	r, err := p.o.Status(ctx, w.id)
	if err == nil {
		p.o.Offer(Answer{Result: r, By: ByPoll})
	}
	gaveUp, failures := p.reschedule(w, r, err)
	if err != nil && failures > 0 && p.o.Failed != nil {
		p.o.Failed(w.id, err, failures, gaveUp)
	}
}

// reschedule sets the time of the next call, if there is to be one.
func (p *Poller) reschedule(w *watch, r *narada.Result, err error) (gaveUp bool, failures int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inFlight--
	defer p.nudge()
	if p.watched[w.id] != w {
		return false, 0 // stopped meanwhile
	}
	if err == nil && r.Final() {
		delete(p.watched, w.id)
		return false, 0
	}
	var pause time.Duration
	if err == nil {
		w.failures, w.backoff = 0, nil
		pause = w.interval
		w.interval = min(time.Duration(float64(w.interval)*growth), p.pace.Most)
	} else {
		w.failures++
		if !p.o.Retry(err) {
			delete(p.watched, w.id)
			return true, w.failures
		}
		pause = p.afterFailure(w, err)
	}
	w.at = time.Now().Add(pause)
	if w.hurry {
		w.at, w.hurry = time.Now(), false
	}
	heap.Push(&p.due, w)
	return false, w.failures
}

func (p *Poller) afterFailure(w *watch, err error) time.Duration {
	if w.backoff == nil {
		w.backoff = newBackoff(p.pace.First/3, p.pace.Most)
	}
	pause := w.backoff.NextBackOff()
	if asked := retryAfter(err); asked > 0 {
		// A little more, so that not all come back in the same moment.
		pause = min(asked, mostRetry) + time.Duration(rand.Int64N(int64(asked)/10+1))
		if until := time.Now().Add(min(asked, mostRetry)); until.After(p.notUntil) {
			p.notUntil = until
		}
	}
	return pause
}

// newBackoff is for failed calls: from first up to most, give or take half.
func newBackoff(first, most time.Duration) *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = first
	b.MaxInterval = most
	b.Multiplier = 2
	b.Reset()
	return b
}

// schedule is a heap of watches, the soonest first.
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
