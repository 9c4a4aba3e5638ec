package batch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
)

// WorkOptions configure a worker.
type WorkOptions struct {
	Name        string // of the batch, which may not exist yet; "": all batches
	Concurrency int    // max. tasks in flight here
	UntilDone   bool   // end when no line is open

	Store   Store
	Cloud   string // address of the API; batches of another one are not worked on
	Machine string
	Source  *secret.Source // resolves the references in the lines
	Hide    func(...secret.String)
	Check   SchemaCheck
	Masker  output.Masker // of what assertions show; nil: nothing is masked
	Report  func(Event)

	// Open opens the engine for batches with that way to get answers, with adjust applied to
	// its options. It is called once for each way.
	Open func(ctx context.Context, via string, adjust func(*await.Options)) (Engine, error)

	// Interrupt returns a channel that is closed to stop the sending.
	Interrupt func() <-chan struct{}
}

// The events of a worker.
type (
	// Idle is that no line is open yet. It is reported at most once. Name is that of
	// WorkOptions.
	Idle struct{ Name string }
	// Working is a batch that the worker begins to work on.
	Working struct{ Name string }
	// Worked is a batch of which no line is open.
	Worked struct{ Name string }
	// NotWorked is a batch that is left to other workers. It is reported once for each reason.
	NotWorked struct {
		Name string
		Err  error
	}
)

func (Idle) event()      {}
func (Working) event()   {}
func (Worked) event()    {}
func (NotWorked) event() {}

// OtherCloudError is a batch of another API.
type OtherCloudError struct{ Name, Was, Is string }

func (e *OtherCloudError) Error() string {
	return fmt.Sprintf("the batch %q belongs to the API at %s, not %s", e.Name, e.Was, e.Is)
}

// UnresolvedError is a batch with a secret that cannot be resolved here.
type UnresolvedError struct {
	Name string
	Err  error
}

func (e *UnresolvedError) Error() string {
	return fmt.Sprintf("the batch %q has a secret that is not here: %v", e.Name, e.Err)
}

// Hint says what to do.
func (*UnresolvedError) Hint() string { return "set it in the environment of the worker" }

// workPoll is the pause between two looks for batches.
const workPoll = 250 * time.Millisecond

// working is a worker on any number of batches.
type working struct {
	WorkOptions
	slots, calls *semaphore.Weighted
	sending      context.Context
	stop         context.CancelCauseFunc
	pace         *pace
	outage       *outage

	mu      sync.Mutex
	now     map[int64]bool // batches that are worked on
	stored  []*retriedStore
	refused map[string]string // by batch, why it is not worked on
	engines map[string]Engine // by way
	writers map[string]store.Writer
	batches sync.WaitGroup
}

// Work works on batches until it is interrupted or, with UntilDone, no line is open. The
// error may be an *OtherCloudError or an *UnresolvedError of the named batch.
func Work(ctx context.Context, o WorkOptions) error {
	w := &working{
		WorkOptions: o, slots: semaphore.NewWeighted(int64(o.Concurrency)), calls: semaphore.NewWeighted(maxSending), pace: newPace(0), outage: &outage{report: o.Report},
		now: map[int64]bool{}, refused: map[string]string{}, engines: map[string]Engine{}, writers: map[string]store.Writer{},
	}
	w.sending, w.stop = context.WithCancelCause(ctx)
	defer w.stop(nil)
	interrupt := o.Interrupt()
	watching, watched := context.WithCancel(context.Background())
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-interrupt:
			o.Report(Stopping{InFlight: w.inFlight()})
			w.stop(ErrInterrupted)
		case <-watching.Done():
		}
	})
	err := w.loop(ctx)
	if err != nil {
		w.stop(err)
	}
	w.batches.Wait()
	watched()
	watch.Wait()
	for _, s := range w.stored {
		if answers, err := s.finish(ctx); err != nil {
			o.Report(AnswersNotStored{answers, err})
		}
	}
	if err == nil {
		err = context.Cause(w.sending)
	}
	if errors.Is(err, ErrInterrupted) || ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return nil
	}
	return err
}

// inFlight counts the tasks in flight.
func (w *working) inFlight() int {
	n := 0
	for w.slots.TryAcquire(1) {
		n++
	}
	w.slots.Release(int64(n))
	return w.Concurrency - n
}

// loop begins to work on batches with open lines, as they appear.
func (w *working) loop(ctx context.Context) error {
	told := false
	for w.sending.Err() == nil {
		var known, open bool
		err := w.outage.until(w.sending, func() (err error) {
			var list []store.Work
			if list, known, err = w.find(ctx); err == nil {
				open, err = w.beginOpen(ctx, list)
			}
			return err
		})
		switch {
		case err != nil && w.sending.Err() == nil:
			return err
		case err != nil || open || w.busy():
			told = true
		case w.UntilDone && known:
			return nil
		case !told:
			w.Report(Idle{w.Name})
			told = true
		}
		await.Sleep(w.sending, workPoll)
	}
	return nil
}

// beginOpen begins to work on those of the batches that have open lines, and reports whether
// there are any, or lines are still to come.
func (w *working) beginOpen(ctx context.Context, list []store.Work) (open bool, err error) {
	for _, one := range list {
		if one.Open() {
			open = true
			if err := w.begin(ctx, one); err != nil {
				return open, err
			}
			continue
		}
		if k, err := readKept(one); w.Name != "" && err == nil && k.Filling {
			open = true
		}
	}
	return open, nil
}

// busy reports whether a batch is worked on.
func (w *working) busy() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.now) > 0
}

// find returns the batches to be worked on. known is false if the named one has no lines in
// the store yet.
func (w *working) find(ctx context.Context) (list []store.Work, known bool, err error) {
	if w.Name == "" {
		list, err = w.Store.Works(ctx, 0)
		return list, true, err
	}
	b, ok, err := w.Store.Batch(ctx, w.Name)
	if !ok || err != nil {
		return nil, false, err
	}
	list, err = w.Store.Works(ctx, b.Number)
	return list, len(list) > 0, err
}

// begin begins to work on a batch, unless it is under way or left to others.
func (w *working) begin(ctx context.Context, one store.Work) error {
	w.mu.Lock()
	under := w.now[one.Batch.Number]
	w.mu.Unlock()
	if under {
		return nil
	}
	k, err := readKept(one)
	if err == nil && one.Batch.Cloud != w.Cloud {
		err = &OtherCloudError{one.Batch.Name, one.Batch.Cloud, w.Cloud}
	}
	if err == nil {
		err = w.resolve(one, k)
	}
	var engine Engine
	if err == nil {
		engine, err = w.engine(ctx, k.Via)
	}
	if err != nil {
		return w.refuse(one, err)
	}
	b := newClaims(w.sending, one, k, tools{
		store: w.Store, writes: w.writers[k.Via], engine: engine, slots: w.slots, calls: w.calls,
		cloud: w.Cloud, machine: w.Machine, source: w.Source, hide: w.Hide, check: w.Check, outage: w.outage, masker: w.Masker,
	})
	w.mu.Lock()
	w.now[one.Batch.Number] = true
	w.mu.Unlock()
	w.Report(Working{one.Batch.Name})
	w.batches.Go(func() {
		err := b.run(ctx)
		w.mu.Lock()
		delete(w.now, one.Batch.Number)
		w.mu.Unlock()
		if err == nil {
			w.Report(Worked{one.Batch.Name})
		} else if w.sending.Err() == nil { // an error of all lines
			w.stop(err)
		}
	})
	return nil
}

// refuse leaves a batch to other workers. If it is the named one, or the store cannot be used
// for now, that is an error.
func (w *working) refuse(one store.Work, err error) error {
	if w.Name != "" || store.Temporary(err) {
		return err
	}
	if w.refused[one.Batch.Name] != err.Error() {
		w.refused[one.Batch.Name] = err.Error()
		w.Report(NotWorked{one.Batch.Name, err})
	}
	return nil
}

// resolve resolves the secrets of a batch.
func (w *working) resolve(one store.Work, k kept) error {
	for _, ref := range k.Secrets {
		value, err := w.Source.Resolve(one.Batch.Name, ref)
		if err != nil {
			return &UnresolvedError{one.Batch.Name, err}
		}
		w.Hide(value)
	}
	return nil
}

// engine returns the engine for a way.
func (w *working) engine(ctx context.Context, via string) (Engine, error) {
	if e := w.engines[via]; e != nil {
		return e, nil
	}
	var writer store.Writer = w.Store
	e, err := w.Open(ctx, via, func(o *await.Options) {
		o.Source, o.Many = "batch", true
		o.Client = &pacedClient{&leasedClient{o.Client, w.Store}, w.pace}
		o.Again, o.Stopped = w.pace.wait, w.sending.Done()
		if o.Store != nil {
			stored := newRetriedStore(w.sending, w.outage, o)
			w.stored, writer = append(w.stored, stored), stored
		}
	})
	if err == nil {
		w.engines[via], w.writers[via] = e, writer
	}
	return e, err
}
