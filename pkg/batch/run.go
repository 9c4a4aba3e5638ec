package batch

import (
	"context"
	"errors"
	"iter"
	"sync"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/task"
)

// mostSending is how many dispatch calls are under way at once.
const mostSending = 64

// chunk is how many lines are looked up at once.
const chunk = 256

// Run is a batch that runs.
type Run struct {
	o       Options
	slots   chan struct{}
	sending chan struct{}
	windows *windows
	earlier []*inFlight // tasks of earlier runs that are waited for
	tasks   sync.WaitGroup
	stopped chan struct{} // no more are sent

	mu    sync.Mutex
	tally *Tally
	taken []uint64 // bits: lines of earlier runs, which are not to be sent
	why   error    // of stopped

	// While an outcome is emitted, which may take its time, mu is free.
	emitting sync.Mutex
	queue    *queue
}

// Reasons for which no more tasks are sent.
var (
	ErrFailures = errors.New("too many tasks have failed")
	ErrCredits  = errors.New("the tasks have used too many credits")
	ErrWindows  = errors.New("every browser window of the pool has a task that may still run")
)

// NewRun makes a Run.
func NewRun(o Options) *Run {
	r := &Run{
		o: o, slots: make(chan struct{}, o.Concurrency), sending: make(chan struct{}, mostSending),
		stopped: make(chan struct{}), tally: newTally(o.Total), taken: make([]uint64, o.Total/64+1),
	}
	r.windows = newWindows(o.Windows, func() { r.Stop(ErrWindows) })
	r.queue = &queue{ordered: o.Ordered, emit: o.Emit, result: func(o *Outcome) (err error) {
		o.Result, err = r.o.Book.Result(context.Background(), o.Task)
		return err
	}}
	return r
}

// Stop has no more tasks sent, for that reason; those in flight are waited for.
func (r *Run) Stop(why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stop(why)
}

func (r *Run) stop(why error) {
	if r.why == nil {
		r.why = why
		close(r.stopped)
	}
}

// Tally returns how the batch stands.
func (r *Run) Tally() Tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tally.snapshot()
}

// Recover looks at what earlier runs have done, and comes before Send: it emits the
// lines that have ended, as far as their turn has come where they are wanted in order,
// and finds the tasks that still run, whose windows it sets aside.
func (r *Run) Recover(ctx context.Context, lines iter.Seq2[Line, error]) error {
	return r.each(ctx, lines, func(l Line, s State) error {
		if r.awaits(s) {
			r.take(l)
			r.earlier = append(r.earlier, &inFlight{line: l, state: s, release: r.windows.hold(s.Window)})
			return nil
		}
		_, err := r.recover(ctx, l, s)
		return err
	})
}

// awaits reports whether an earlier run's task is waited for.
func (r *Run) awaits(s State) bool {
	return !r.again(s) && (s.Phase == Running || s.Phase == Unknown && r.o.Sender.CanAwait(s))
}

// Send waits for the tasks that run, sends the lines that are new, and returns when
// each has come out: or, after Stop, those that were in flight. The error is the
// reason for a stop, the end of ctx, or what went wrong here.
func (r *Run) Send(ctx context.Context, lines iter.Seq2[Line, error]) error {
	for _, one := range r.earlier { // they are under way, and new ones may need their windows
		if err := r.await(ctx, one); err != nil {
			r.Stop(err)
		}
	}
	err := r.each(ctx, lines, func(l Line, s State) error { return r.start(ctx, l, s) })
	if err != nil {
		r.Stop(err)
	}
	r.tasks.Wait()
	if err := r.emit((*queue).flush); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.why
}

// each calls do for each line with its state.
func (r *Run) each(ctx context.Context, lines iter.Seq2[Line, error], do func(Line, State) error) error {
	var some []Line
	flush := func() error {
		keys := make([]Key, len(some))
		for i, l := range some {
			keys[i] = l.Key
		}
		states, err := r.o.Book.Look(ctx, keys)
		if err != nil {
			return unlessOver(ctx, err)
		}
		for _, l := range some {
			if err := do(l, states[l.Key]); err != nil {
				return err
			}
		}
		some = some[:0]
		return nil
	}
	for l, err := range lines {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if some = append(some, l); len(some) == chunk {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// unlessOver is the error, or the end of ctx where that is the reason for it.
func unlessOver(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// again reports whether a line that was sent before is to be sent again. One whose
// data do not fit is found out when it is taken.
func (r *Run) again(s State) bool {
	return s.failed() && r.o.RetryFailed || s.Phase == Unknown && r.o.ResendUnknown
}

// recover takes a line that has ended before. It is false when the line is to be
// sent again.
func (r *Run) recover(ctx context.Context, l Line, s State) (taken bool, err error) {
	if !s.ended() || r.again(s) {
		return false, nil
	}
	o := Outcome{Line: l, State: s}
	if s.Phase == Finished {
		if o.Result, err = r.o.Book.Result(ctx, s.Task); err != nil {
			return false, unlessOver(ctx, err)
		}
	}
	if r.check(&o); len(o.Misfit) > 0 && r.o.RetryFailed {
		return false, nil
	}
	r.take(l)
	r.mu.Lock()
	r.tally.earlier(o)
	r.checkCredits()
	r.mu.Unlock()
	return true, r.put(o)
}

// emit does something with the queue, and what that emits.
func (r *Run) emit(do func(*queue) error) error {
	r.emitting.Lock()
	defer r.emitting.Unlock()
	return do(r.queue)
}

func (r *Run) put(o Outcome) error {
	return r.emit(func(q *queue) error { return q.put(o) })
}

// skip says that the line has no outcome in this run.
func (r *Run) skip(l Line) error {
	return r.emit(func(q *queue) error { return q.skip(l.Index) })
}

// check finds out whether a success's data fit.
func (r *Run) check(o *Outcome) {
	if r.o.Check != nil && o.Phase == Finished && o.Status == narada.StatusSuccess {
		o.Misfit = r.o.Check(*o)
	}
}

func (r *Run) take(l Line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken[l.Index/64] |= 1 << (l.Index % 64)
}

func (r *Run) isTaken(l Line) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.taken[l.Index/64]>>(l.Index%64)&1 == 1
}

// start begins a line's way, when its turn comes.
func (r *Run) start(ctx context.Context, l Line, s State) error {
	if r.isTaken(l) {
		return nil
	}
	taken, err := r.recover(ctx, l, s)
	switch {
	case taken || err != nil:
		return err
	case s.Phase == Unknown && !r.again(s):
		r.came(Outcome{Line: l, State: s})
		return nil
	}
	return r.send(ctx, l)
}

// await waits for a task of an earlier run, also when no more are sent: it is under
// way. One that is unknown takes no place of others: it may never be heard of.
func (r *Run) await(ctx context.Context, one *inFlight) error {
	one.slot = one.state.Phase != Unknown
	if one.slot {
		select {
		case r.slots <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	r.inFlight(1)
	r.tasks.Go(func() {
		r.leave(one, r.o.Sender.Await(ctx, &one.line, &one.state))
	})
	return nil
}

// send sends a task, when there is room for it, a window, and its turn has come.
func (r *Run) send(ctx context.Context, l Line) error {
	if !r.enter(ctx, r.slots) {
		return r.left(ctx, l)
	}
	window, release, ok := r.windows.take(ctx, r.stopped)
	if !ok || !r.enter(ctx, r.sending) {
		<-r.slots
		release(true)
		return r.left(ctx, l)
	}
	plan, err := r.o.Plan(l)
	if err == nil {
		err = r.o.Pace.Wait(ctx, r.stopped)
	}
	if err != nil || r.isStopped() {
		<-r.sending
		<-r.slots
		release(true)
		if r.isStopped() || ctx.Err() != nil {
			return r.left(ctx, l)
		}
		return &LineError{l.Number, err}
	}
	r.inFlight(1)
	one := &inFlight{line: l, plan: plan, window: window, release: release, slot: true}
	r.tasks.Go(func() { r.run(ctx, one) })
	return nil
}

// inFlight is a task that is waited for.
type inFlight struct {
	line    Line
	state   State      // of an earlier run's
	plan    *task.Plan // of a new one, until it is sent
	window  string
	release func(ended bool) // the window
	slot    bool             // it has one of slots
}

// run sends a task and waits for it. Ten thousand of these wait at once: the less
// each has on its stack, the less memory that takes.
func (r *Run) run(ctx context.Context, one *inFlight) {
	sent := sync.OnceFunc(func() { <-r.sending })
	plan := one.plan
	one.plan = nil
	o := r.o.Sender.Send(ctx, &one.line, plan, one.window, sent)
	sent()
	r.leave(one, o)
}

// leave takes the outcome of a task that was in flight. Its place is free only then:
// whoever reads the outcomes may be slow.
func (r *Run) leave(one *inFlight, o *Outcome) {
	one.release(o.ended() || o.Phase == New)
	r.came(*o)
	r.inFlight(-1)
	if one.slot {
		<-r.slots
	}
}

// enter takes a place; it is false when no more are sent.
func (r *Run) enter(ctx context.Context, places chan struct{}) bool {
	if r.isStopped() || ctx.Err() != nil {
		return false
	}
	select {
	case places <- struct{}{}:
		return true
	case <-r.stopped:
	case <-ctx.Done():
	}
	return false
}

func (r *Run) isStopped() bool {
	select {
	case <-r.stopped:
		return true
	default:
		return false
	}
}

// left is a line that nothing is done about any more. Those after it are looked at
// all the same: they may have ended before.
func (r *Run) left(ctx context.Context, l Line) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return r.skip(l)
}

func (r *Run) inFlight(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tally.InFlight += n
}

// came takes an outcome.
func (r *Run) came(o Outcome) {
	r.check(&o)
	var err error
	if r.note(o) {
		err = r.put(o)
	} else {
		err = r.skip(o.Line)
	}
	if err != nil {
		r.Stop(err)
	}
}

// note counts an outcome, and reports whether it is the line's last word. A task
// that goes on, or of which more may be heard, comes out in another run.
func (r *Run) note(o Outcome) (last bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case o.Fatal:
		r.stop(o.Err)
		return false
	case !o.ended() && (o.Phase != Unknown || o.Err != nil):
		r.tally.Unfinished++
		return false
	}
	r.tally.came(o)
	if r.o.MaxFailures > 0 && r.tally.Failures >= r.o.MaxFailures {
		r.stop(ErrFailures)
	}
	r.checkCredits()
	return true
}

func (r *Run) checkCredits() {
	if r.o.MaxCredits > 0 && r.tally.Credits > r.o.MaxCredits {
		r.stop(ErrCredits)
	}
}
