package batch

import (
	"cmp"
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/panics"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/task"
)

const (
	maxSending = 64  // concurrent dispatch calls
	chunk      = 256 // lines looked up at once
)

// run sends the lines of a batch.
type run struct {
	*Batch
	sender
	shared bool // the lines are in the store, for workers
	store  Store
	stored *retriedStore // of the engine; nil: it has none
	pace   *pace

	sending context.Context         // ended by stop; tasks in flight continue
	stop    context.CancelCauseFunc // the first cause counts
	slots   *semaphore.Weighted     // for tasks in flight
	calls   *semaphore.Weighted     // for dispatch calls
	windows *windows
	actions []action      // by line
	seen    map[Key]int64 // newest tasks of lines that have not ended; only if shared
	resumed []*inFlight   // tasks of earlier runs
	tasks   sync.WaitGroup

	mu    sync.Mutex
	tally *Tally

	// Held while outcomes are emitted, which may block.
	emitting sync.Mutex
	queue    *queue
}

// newRun returns a run whose sending ends with ctx.
func newRun(ctx context.Context, b *Batch, s Store) *run {
	r := &run{
		Batch: b, sender: sender{timeout: b.o.Timeout}, store: s, pace: newPace(b.o.Rate), tally: newTally(len(b.places)),
		slots: semaphore.NewWeighted(int64(b.o.Concurrency)), calls: semaphore.NewWeighted(maxSending), actions: make([]action, len(b.places)),
	}
	r.sending, r.stop = context.WithCancelCause(ctx)
	r.queue = &queue{ordered: b.o.Ordered, waiting: map[int]*Outcome{}, stored: r.hasResult, emit: r.emit}
	return r
}

// known reports whether the store has the answer of a task.
func (r *run) known(requestID string) (bool, error) {
	t, ok, err := r.store.Task(context.Background(), requestID)
	return ok && !t.Open(), err
}

// open reports whether lines that were sent have no answer in the store.
func (r *run) open() bool {
	t := r.progress()
	return t.Sent+t.Earlier > t.Ended-t.Counts[store.StatusUnknown]-t.Counts[StatusPruned]
}

// hasResult reports whether the store has the result of an outcome: it has none that it could
// not write, nor that of a task whose request ID another task has.
func (r *run) hasResult(o *Outcome) bool {
	kept := Outcome{State: o.State}
	return o.Task != 0 && kept.readResult(context.Background(), r.store) == nil && kept.Result != nil
}

// emit writes the result of an outcome, and stores its schema errors if they are new.
func (r *run) emit(o *Outcome) error {
	if o.Result == nil && o.Phase == Finished {
		if err := o.readResult(context.Background(), r.store); err != nil {
			return err
		}
	}
	text := []byte{}
	if len(o.SchemaErrors) > 0 {
		var err error
		if text, err = narada.EncodeJSON(o.SchemaErrors); err != nil {
			return err
		}
	}
	err := r.results.put(*o)
	if string(text) != o.StoredErrors {
		err = cmp.Or(err, r.store.SetSchemaErrors(context.Background(), r.number, o.Key[:], string(text)))
	}
	return err
}

// progress returns the current state of the batch.
func (r *run) progress() (t Tally) {
	r.tallied(func(now *Tally) { t = now.snapshot() })
	return t
}

func (r *run) tallied(f func(*Tally)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r.tally)
}

// recover reads what earlier runs have done, decides what to do with each line, and emits
// the lines that have ended.
func (r *run) recover(ctx context.Context) error {
	var states map[Key]State
	for l, err := range r.checked() {
		if err == nil && l.Index%chunk == 0 {
			states, err = r.states(ctx, r.places[l.Index:min(l.Index+chunk, len(r.places))])
		}
		if err == nil {
			r.actions[l.Index], err = r.decide(ctx, l, states[l.Key])
		}
		if err != nil || ctx.Err() != nil {
			return cmp.Or(context.Cause(ctx), err)
		}
		if r.actions[l.Index] != actionSend {
			r.tallied(func(t *Tally) { t.Earlier++ })
		}
	}
	return nil
}

// states returns the states of the lines that were sent.
func (r *run) states(ctx context.Context, places []place) (map[Key]State, error) {
	keys := make([][]byte, len(places))
	for i := range places {
		keys[i] = places[i].key[:]
	}
	items, err := r.store.Items(ctx, r.number, keys)
	states := make(map[Key]State, len(items))
	for _, i := range items {
		states[Key(i.Key)] = stateOf(i)
	}
	return states, err
}

// decide decides what to do with a line. It notes a task that is still running, and counts
// the outcome of a line that has ended.
func (r *run) decide(ctx context.Context, l Line, s State) (action, error) {
	if r.shared && s.Task != 0 {
		r.seen[l.Key] = s.Task
	}
	switch action := r.o.action(s, r.canResume); action {
	case actionResume:
		r.resumed = append(r.resumed, &inFlight{Outcome: Outcome{Line: l, State: s}, doubtful: s.Phase == Unknown})
		return action, nil
	case actionKeep:
		return r.keep(ctx, l, s)
	default:
		return action, nil
	}
}

// keep counts the outcome of an earlier run, unless it has schema errors and failed lines
// are sent again.
func (r *run) keep(ctx context.Context, l Line, s State) (action, error) {
	o := Outcome{Line: l, State: s}
	if s.Phase == Finished {
		if err := o.readResult(ctx, r.store); err != nil {
			return actionKeep, err
		}
	}
	if r.checkSchema(&o); len(o.SchemaErrors) > 0 && r.o.RetryFailed {
		return actionSend, nil
	}
	r.countEnded(o, true)
	return actionKeep, r.put(o.Index, &o)
}

// put queues an outcome to be emitted; nil: the line has none in this run.
func (r *run) put(index int, o *Outcome) error {
	r.emitting.Lock()
	defer r.emitting.Unlock()
	return r.queue.put(index, o)
}

// checkSchema sets the schema errors of a success.
func (r *run) checkSchema(o *Outcome) {
	if o.Phase == Finished && o.Status == narada.StatusSuccess {
		o.SchemaErrors = r.schemaErrors(*o)
	}
}

// send waits for running tasks and sends new lines. It returns when all have ended, or, after
// a stop, those in flight. The error is the reason of the stop or the cause of ctx's end.
func (r *run) send(ctx context.Context) error {
	var held, doubtful []string
	for _, one := range r.resumed {
		if one.doubtful { // it may never be answered, and holds no window
			doubtful, one.Window = append(doubtful, one.Window), ""
			continue
		}
		held = append(held, one.Window)
	}
	r.windows = newWindows(r.o.Windows, held, doubtful, func() { r.stop(ErrWindows) })
	for _, one := range r.resumed { // first: new ones may need their windows
		r.resume(ctx, one)
	}
	reached := 0
	for l, err := range r.checked() {
		if err == nil {
			reached = l.Index + 1
			err = r.start(ctx, l)
		}
		if err != nil {
			r.stop(err)
		}
		if err != nil || ctx.Err() != nil {
			break
		}
	}
	for _, a := range r.actions[reached:] {
		if a == actionReport { // it may be running
			r.addUnfinished()
		}
	}
	r.tasks.Wait()
	r.emitting.Lock()
	defer r.emitting.Unlock()
	if err := r.queue.flush(); err != nil {
		return err
	}
	return context.Cause(r.sending)
}

// start does what was decided for a line.
func (r *run) start(ctx context.Context, l Line) error {
	switch r.actions[l.Index] {
	case actionSend:
		return r.sendOne(ctx, l)
	case actionReport:
		r.completed(&Outcome{Line: l, State: State{Phase: Unknown}}, false)
	}
	return nil
}

// inFlight is a task in flight.
type inFlight struct {
	Outcome
	plan *task.Plan // of a new task, until it is sent
	sent bool       // by this run
	slot bool       // it has one of slots
	call bool       // it has one of calls

	doubtful bool // an earlier run left it unknown: only its callback can tell
}

// resume waits for a task of an earlier run, also after a stop. An unknown one takes no
// slot, as it may never be answered.
func (r *run) resume(ctx context.Context, one *inFlight) {
	if !one.doubtful {
		if one.slot = r.slots.Acquire(ctx, 1) == nil; !one.slot {
			r.addUnfinished()
			return
		}
	}
	r.fly(one, func() { r.await(ctx, &one.Outcome, nil) })
}

// fly does a task in the background, and completes it. A panic is an error of all lines.
func (r *run) fly(one *inFlight, do func()) {
	r.addInFlight(one, 1)
	r.tasks.Go(func() { // thousands of these wait at once: keep the stack small
		if err := panicked(do); err != nil {
			one.Err, one.Fatal = err, true
		}
		if err := panicked(func() { r.finish(one) }); err != nil {
			r.stop(err)
		}
	})
}

// panicked calls f, and returns its panic as an error.
func panicked(f func()) error {
	return panics.Catch(func() error {
		f()
		return nil
	})
}

// sendOne sends a task, unless the sending is stopped first.
func (r *run) sendOne(ctx context.Context, l Line) error {
	one := &inFlight{Outcome: Outcome{Line: l}, sent: true}
	ready, err := r.prepare(one)
	if ready {
		r.fly(one, func() { r.dispatch(ctx, one) })
		return nil
	}
	r.windows.release(one.Window, true)
	if one.call {
		r.calls.Release(1)
	}
	if one.slot {
		r.slots.Release(1)
	}
	return err
}

// prepare acquires what a task needs to be sent, and waits for the pace.
func (r *run) prepare(one *inFlight) (ready bool, err error) {
	if one.slot = r.slots.Acquire(r.sending, 1) == nil; !one.slot {
		return false, nil
	}
	if one.Window, ready = r.windows.take(r.sending); !ready {
		return false, nil
	}
	if one.call = r.calls.Acquire(r.sending, 1) == nil; !one.call {
		return false, nil
	}
	if one.plan, err = r.plan(one.Line); err != nil {
		return false, r.source.error(one.Line, err)
	}
	return r.pace.wait(r.sending) == nil, nil
}

// finish completes a task that was in flight. Its slot is freed last, since the reader of
// the outcomes may be slow.
func (r *run) finish(one *inFlight) {
	r.windows.release(one.Window, one.Phase.ended() || one.Phase == New)
	if one.sent && one.Phase != New {
		r.tallied(func(t *Tally) { t.Sent++ })
	}
	r.completed(&one.Outcome, one.sent)
	r.addInFlight(one, -1)
	if one.slot {
		r.slots.Release(1)
	}
}

func (r *run) addUnfinished() { r.tallied(func(t *Tally) { t.Unfinished++ }) }

func (r *run) addInFlight(one *inFlight, n int) {
	r.tallied(func(t *Tally) {
		if one.doubtful {
			t.Unknown += n
		} else {
			t.InFlight += n
		}
	})
}

// unknown describes the tasks of earlier runs that may have been accepted.
func (r *run) unknown() (e AwaitingUnknown) {
	for _, one := range r.resumed {
		if one.doubtful {
			e.Lines++
			if until := time.Now().Add(r.left(one.State)); until.After(e.Until) {
				e.Until = until
			}
		}
	}
	return e
}

// completed counts and queues the outcome of a line, whose task was sent by this run or an
// earlier one.
func (r *run) completed(o *Outcome, sent bool) {
	index := o.Index
	if r.checkSchema(o); !r.count(*o, sent) {
		o = nil
	}
	if err := r.put(index, o); err != nil {
		r.stop(err)
	}
}

// count counts an outcome, and reports whether it is final. A task that is or may be running
// has its outcome in another run. A line that an earlier run left unknown, and that still
// is, has not failed in this one.
func (r *run) count(o Outcome, sent bool) (final bool) {
	switch {
	case o.Fatal:
		r.stop(o.Err)
		if o.Phase != New {
			r.addUnfinished()
		}
		return false
	case !o.Phase.ended() && (o.Phase != Unknown || o.Err != nil):
		r.addUnfinished()
		return false
	}
	r.countEnded(o, !sent && o.Phase == Unknown)
	return true
}

// countEnded counts a line that has ended, and stops the sending at a limit.
func (r *run) countEnded(o Outcome, earlier bool) {
	r.tallied(func(t *Tally) {
		t.add(o, earlier)
		if r.o.MaxFailures > 0 && t.Failures >= r.o.MaxFailures {
			r.stop(ErrFailures)
		}
		if r.o.MaxCredits > 0 && t.Credits > r.o.MaxCredits {
			r.stop(ErrCredits)
		}
	})
}
