// Package forward forwards the callbacks of a listener to targets: endpoints and
// commands.
//
// Callbacks wait in the store, so that neither a slow target nor a restart loses one. A
// target gets those of one request ID in the order of their arrival. A listener adopts
// what waits for its targets at listeners that are no longer running.
//
// The package is private to narada.
package forward

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// closeLimit is how long a target may take at the end beyond an attempt.
const closeLimit = 5 * time.Second

// quietLimit is how long Close waits before it reports Finishing.
const quietLimit = 500 * time.Millisecond

// Result is the outcome of forwarding a callback.
type Result struct {
	Attempts   int           // in events, those of earlier runs too
	StatusCode int           // of the last answer; 0: no answer
	Took       time.Duration // by the last attempt
	Failure    string        // why the target did not accept it; "": it did
	Permanent  bool          // the failure is one that a retry does not change
	LeadsTo    string        // where the redirect that the target answered leads
	Repeated   bool          // the answer before had the same status
}

// Target is an endpoint or a command that callbacks are forwarded to.
type Target interface {
	// Name is its name in the store.
	Name() string
	// Concurrency is how many callbacks it accepts at once.
	Concurrency() int
	// GracePeriod is how long it may take to finish at the end.
	GracePeriod() time.Duration
	// Forward forwards a callback. Once stop has ended it starts no attempt; when ctx ends
	// it stops the one in progress. deliver.ErrStopped means that the callback still waits;
	// any other error ends the forwarding to the target. retrying is called with each
	// failed attempt that is followed by another.
	Forward(ctx, stop context.Context, header http.Header, body []byte, retrying func(Result)) (Result, error)
}

// Store has the callbacks that wait.
type Store interface {
	store.Writer
	WaitingForwards(ctx context.Context, target, listener string, after int64, limit int) ([]store.Forward, error)
	CountForwards(ctx context.Context, state store.ForwardState, target, listener string) (int, error)
	ForwardContent(context.Context, store.Forward) (header http.Header, body []byte, ok bool, err error)
	ForwardListeners(ctx context.Context, target string) ([]string, error)
}

// Options configure a Forwarding.
type Options struct {
	Store    Store
	Listener string // name of the listener whose callbacks are forwarded
	Targets  []Target

	// Reserve prevents a listener of that name from starting until release is called. ok
	// is false if one is running.
	Reserve func(name string) (release func() error, ok bool, err error)

	// Leases, if not nil, say which replica of the listener forwards. The others wait until
	// it has ended.
	Leases Leases

	Failed func(error) // called with an error that ends the forwarding to a target
	Report func(Event)
}

// Forwarding forwards the callbacks of one listener.
type Forwarding struct {
	listener string
	queues   []*queue
}

// Start starts forwarding, beginning with callbacks from earlier runs.
func Start(ctx context.Context, o Options) (*Forwarding, error) {
	f := &Forwarding{listener: o.Listener}
	for _, t := range o.Targets {
		q, err := startQueue(ctx, o, t)
		if err != nil {
			f.Close(ctx, false)
			return nil, err
		}
		f.queues = append(f.queues, q)
	}
	return f, nil
}

// Plan says to whom a stored callback is forwarded.
func (f *Forwarding) Plan() store.Forwarding {
	plan := store.Forwarding{Listener: f.listener}
	for _, q := range f.queues {
		plan.Targets = append(plan.Targets, q.target.Name())
	}
	return plan
}

// Wake signals that a callback was stored. It never blocks.
func (f *Forwarding) Wake() {
	for _, q := range f.queues {
		q.held.Load().scheduler.wakeUp()
	}
}

// Close ends the forwarding: with finish when nothing waits, or when ctx ends. Then
// attempts in progress have a grace period. It returns how many callbacks the targets
// refused and how many still wait.
func (f *Forwarding) Close(ctx context.Context, finish bool) (notForwarded, waiting int) {
	var closing sync.WaitGroup
	left := make([]int, len(f.queues))
	for i, q := range f.queues {
		closing.Go(func() { left[i] = q.close(ctx, finish) })
	}
	closing.Wait()
	for i, q := range f.queues {
		notForwarded, waiting = notForwarded+int(q.failed.Load()), waiting+left[i]
	}
	return notForwarded, waiting
}

// queue forwards to one target.
type queue struct {
	Options
	target Target
	held   atomic.Pointer[hold]

	starting context.Context // ends: no new attempts
	stop     context.CancelFunc
	running  context.Context // ends: attempts in progress are stopped
	kill     context.CancelFunc
	drain    chan struct{} // closed: ends when nothing waits
	ended    chan struct{}

	failed     atomic.Int64 // callbacks that the target refused
	storeFails atomic.Bool  // StoreFailed was reported
}

func startQueue(ctx context.Context, o Options, t Target) (*queue, error) {
	q := &queue{Options: o, target: t, drain: make(chan struct{}), ended: make(chan struct{})}
	if _, err := q.adopt(ctx); err != nil {
		return nil, err
	}
	n, err := q.count(ctx)
	if err != nil {
		return nil, err
	}
	if n > 0 && q.Leases == nil { // else another replica may be forwarding them
		q.Report(Waiting{t.Name(), n})
	}
	q.starting, q.stop = context.WithCancel(context.Background())
	q.running, q.kill = context.WithCancel(context.Background())
	q.newHold()
	go func() {
		defer close(q.ended)
		if err := q.run(); err != nil {
			q.Failed(err)
		}
	}()
	return q, nil
}

// adopt takes the callbacks of listeners that are no longer running.
func (q *queue) adopt(ctx context.Context) (some bool, err error) {
	names, err := q.Store.ForwardListeners(ctx, q.target.Name())
	if err != nil {
		return false, err
	}
	for _, name := range names {
		if name == q.Listener {
			continue
		}
		release, ok, err := q.Reserve(name)
		if ok {
			some = true
			err = errors.Join(q.Store.Write(ctx, &store.AdoptForwards{Target: q.target.Name(), From: name, To: q.Listener}), release())
		}
		if err != nil {
			return some, err
		}
	}
	return some, nil
}

func (q *queue) next(ctx context.Context, after int64, limit int) (list []store.Forward, err error) {
	err = q.insist(func() (err error) {
		list, err = q.Store.WaitingForwards(ctx, q.target.Name(), q.Listener, after, limit)
		return err
	})
	return list, err
}

// storePause is the pause before a failed use of the store is repeated.
const storePause = time.Second

// insist repeats a use of the store as long as its failure is temporary, until the queue
// stops: a callback whose outcome is not stored would be forwarded again.
func (q *queue) insist(use func() error) error {
	for {
		err := use()
		if !store.Temporary(err) || q.starting.Err() != nil {
			return err
		}
		if !q.storeFails.Swap(true) {
			q.Report(StoreFailed{q.target.Name(), err})
		}
		select {
		case <-time.After(storePause):
		case <-q.starting.Done(): // then it is tried a last time
		}
	}
}

// write writes to the store, whatever has ended.
func (q *queue) write(op store.Op) error {
	err := q.insist(func() error { return q.Store.Write(context.Background(), op) })
	if err == nil {
		q.storeFails.Store(false)
	}
	return err
}

func (q *queue) count(ctx context.Context) (int, error) {
	return q.Store.CountForwards(ctx, store.ForwardWaiting, q.target.Name(), q.Listener)
}

// forward forwards a callback and stores the outcome, without a time limit: it must not
// be forwarded again.
func (q *queue) forward(h *hold, f store.Forward) error {
	var failed error
	r, ok, err := q.send(h, f, func(r Result) {
		failed = errors.Join(failed, q.write(&store.ForwardTried{
			Lease: h.lease, Seq: f.Seq, Target: f.Target, StatusCode: r.StatusCode, Failure: r.Failure, At: time.Now(),
		}))
	})
	if err != nil || !ok {
		return cmp.Or(failed, err)
	}
	r.Attempts += f.Attempts
	f.State, f.StatusCode, f.Failure, f.EndedAt = store.ForwardDelivered, r.StatusCode, r.Failure, time.Now()
	if r.Failure == "" {
		q.Report(Forwarded{f.RequestID, f.Target, r})
	} else {
		f.State = store.ForwardFailed
		q.failed.Add(1)
		q.Report(NotForwarded{f.RequestID, f.Target, r})
	}
	return errors.Join(failed, q.write(&store.ForwardEnded{Forward: f, Lease: h.lease}))
}

// send sends a callback to the target; ok is false if it was pruned. A damaged one is not
// sent: nothing would change that.
func (q *queue) send(h *hold, f store.Forward, retrying func(Result)) (r Result, ok bool, err error) {
	var header http.Header
	var body []byte
	err = q.insist(func() (err error) {
		header, body, ok, err = q.Store.ForwardContent(context.Background(), f)
		return err
	})
	damage, damaged := errors.AsType[*store.DamagedError](err)
	if ok && err == nil {
		if _, _, wrong := narada.ParseCallback(body); wrong != nil {
			damage, damaged = &store.DamagedError{Err: wrong}, true
		}
	}
	switch {
	case damaged:
		return Result{Failure: damage.Error(), Permanent: true}, true, nil
	case err != nil || !ok:
		return r, false, err
	}
	r, err = q.target.Forward(h.running, h.starting, header, body, retrying)
	return r, true, err
}

// close is Close for one target.
func (q *queue) close(ctx context.Context, finish bool) (waiting int) {
	if finish {
		close(q.drain)
		select {
		case <-q.ended:
		case <-ctx.Done():
		}
	}
	q.stop()
	if !q.endsWithin(quietLimit) {
		q.Report(Finishing{q.target.Name()})
		q.endsWithin(q.target.GracePeriod())
	}
	q.kill()
	<-q.ended
	waiting, err := q.count(context.Background())
	if waiting > 0 || err != nil {
		q.Report(Remaining{q.target.Name(), waiting, err})
	}
	return waiting
}

func (q *queue) endsWithin(limit time.Duration) bool {
	select {
	case <-q.ended:
		return true
	case <-time.After(limit):
		return false
	}
}
