package batch

import (
	"cmp"
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

const chunk = 256 // lines looked up at once

// run is one run of a batch: it finds out what earlier ones have done, counts the outcomes
// and writes the results.
type run struct {
	*Batch
	loop
	shared bool // the lines are in the store, for workers
	store  Store
	stored *retriedStore // of the engine; nil: it has none
	pace   *pace
	outage *outage

	actions []action     // by line
	seen    map[Key]seen // lines that were sent; only if shared
	resumed []*inFlight  // tasks of earlier runs

	mu     sync.Mutex
	tally  *Tally
	flight func() (inFlight, unknown int) // of all workers; nil: the tally has them

	// Held while outcomes are emitted, which may block.
	emitting sync.Mutex
	queue    *queue
}

// seen is the newest task of a line.
type seen struct {
	task    int64 // number
	unknown bool
}

// newRun returns a run whose sending ends with ctx.
func newRun(ctx context.Context, b *Batch, s Store) *run {
	r := &run{
		Batch: b, store: s, pace: newPace(b.o.Rate), outage: &outage{report: b.o.Report}, tally: newTally(len(b.places)), actions: make([]action, len(b.places)), seen: map[Key]seen{},
	}
	r.timeout, r.slots, r.calls = b.o.Timeout, semaphore.NewWeighted(int64(b.o.Concurrency)), semaphore.NewWeighted(maxSending)
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
	return o.Task != 0 && r.outage.reason() == nil && kept.readResult(context.Background(), r.store) == nil && kept.Result != nil
}

// emit writes the result of an outcome, and stores how it does not match if that is new.
func (r *run) emit(o *Outcome) error {
	if o.Result == nil && o.Phase == Finished {
		if err := r.outage.until(r.sending, func() error { return o.readResult(context.Background(), r.store) }); err != nil {
			return err
		}
	}
	err := r.results.put(*o)
	if text := o.Encode(); text != o.StoredMismatch {
		err = cmp.Or(err, r.outage.until(r.sending, func() error { return r.store.SetMismatch(context.Background(), r.number, o.Key[:], text) }))
	}
	return err
}

// progress returns the current state of the batch.
func (r *run) progress() (t Tally) {
	r.tallied(func(now *Tally) {
		if t = now.snapshot(); r.flight != nil {
			t.InFlight, t.Unknown = r.flight()
		}
	})
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
	var items map[Key]store.ItemTask
	for l, err := range r.checked() {
		if err == nil && l.Index%chunk == 0 {
			items, err = r.items(ctx, r.places[l.Index:min(l.Index+chunk, len(r.places))])
		}
		if err == nil {
			r.actions[l.Index], err = r.decide(ctx, l, stateIn(items, l.Key))
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

// items returns the lines that were sent.
func (r *run) items(ctx context.Context, places []place) (map[Key]store.ItemTask, error) {
	keys := make([][]byte, len(places))
	for i := range places {
		keys[i] = places[i].key[:]
	}
	list, err := r.store.Items(ctx, r.number, keys)
	items := make(map[Key]store.ItemTask, len(list))
	for _, i := range list {
		items[Key(i.Key)] = i
	}
	return items, err
}

// stateIn returns the state of a line among the items.
func stateIn(items map[Key]store.ItemTask, key Key) State {
	if i, sent := items[key]; sent {
		return stateOf(i)
	}
	return State{}
}

// decide decides what to do with a line. It notes a task that is still running, and counts
// the outcome of a line that has ended.
func (r *run) decide(ctx context.Context, l Line, s State) (action, error) {
	if r.shared && s.Task != 0 {
		r.seen[l.Key] = seen{s.Task, s.Phase == Unknown}
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

// keep counts the outcome of an earlier run, unless its answer does not match and failed
// lines are sent again.
func (r *run) keep(ctx context.Context, l Line, s State) (action, error) {
	o := Outcome{Line: l, State: s}
	if s.Phase == Finished {
		if err := o.readResult(ctx, r.store); err != nil {
			return actionKeep, err
		}
	}
	if r.check(&o); !o.Matches() && r.o.RetryFailed {
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

// check sets how the answer of a success does not match what this run asks of it. What is
// known of an answer that is no longer there remains.
func (r *run) check(o *Outcome) {
	if o.Phase != Finished || o.Status != narada.StatusSuccess {
		return
	}
	if o.Result == nil {
		o.Mismatch = store.ParseMismatch(o.StoredMismatch)
		return
	}
	want, err := r.wanted(o.Line)
	if err != nil { // it was planned before: the input has changed
		o.AssertErrors = []string{err.Error()}
		return
	}
	o.check(r.o.Check, want.Schema, want.Asserts, r.o.Masker)
}

// flush emits the outcomes that still wait for their turn. The error is the reason of a stop
// or the cause of the end of the run's context, too.
func (r *run) flush() error {
	r.emitting.Lock()
	defer r.emitting.Unlock()
	return cmp.Or(r.queue.flush(), context.Cause(r.sending))
}

func (r *run) addUnfinished(n int) { r.tallied(func(t *Tally) { t.Unfinished += n }) }

// unknown describes the tasks of earlier runs that may have been accepted.
func (r *run) unknown() (e AwaitingUnknown) {
	for _, one := range r.resumed {
		if left := r.left(one.State); one.doubtful && left > 0 {
			e.Lines++
			if until := time.Now().Add(left); until.After(e.Until) {
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
	if !r.shared { // else the worker has checked it
		r.check(o)
	}
	if !r.count(*o, sent) {
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
			r.addUnfinished(1)
		}
		return false
	case !o.Phase.ended() && (o.Phase != Unknown || o.Err != nil):
		r.addUnfinished(1)
		return false
	}
	r.countEnded(o, !sent && o.Phase == Unknown)
	return true
}

// countEnded counts a line that has ended, and stops the sending at a limit. The store does
// so for all workers.
func (r *run) countEnded(o Outcome, earlier bool) {
	r.tallied(func(t *Tally) {
		t.add(o, earlier, r.o.Visible)
		if r.shared {
			return
		}
		if r.o.MaxFailures > 0 && t.Failures >= r.o.MaxFailures {
			r.stop(ErrFailures)
		}
		if r.o.MaxCredits > 0 && t.Credits > r.o.MaxCredits {
			r.stop(ErrCredits)
		}
	})
}
