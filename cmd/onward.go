package cmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/narada-cli/narada/pkg/forward"
	"github.com/narada-cli/narada/pkg/receive"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/term"
)

// onwardTarget is what the callbacks of a listen command are passed on to: an
// endpoint, or a command.
type onwardTarget interface {
	// name is what the ledger calls it.
	name() string
	// begin comes before the first hand. The end of hard ends what is under way; once
	// stop is closed nothing more is begun.
	begin(l *sqlite.Store, hard context.Context, stop <-chan struct{})
	// workers is how many callbacks are passed on at once.
	workers() int
	// patience is how long what is under way may take to its end.
	patience() time.Duration
	// hand passes a callback on, and returns how that has ended, or the same when it
	// has been pruned. The error is deliver.ErrStopped for one that still waits, or one
	// of the ledger.
	hand(store.Forward) (store.Forward, error)
}

// onward passes the callbacks of a listen command on to a target. They wait in the
// ledger, so that neither a slow target nor a restart loses one.
type onward struct {
	inv       *invocation
	ledger    *sqlite.Store
	listener  string
	target    onwardTarget
	forwarder *forward.Forwarder

	hard  context.Context // until what is under way is ended
	kill  context.CancelFunc
	stop  chan struct{} // nothing more is begun
	drain chan struct{} // it ends when nothing waits
	ended chan struct{}

	failed atomic.Int64 // callbacks that were given up
}

// startOnward begins with what waits from earlier. fault is told of an error that
// ends it.
func (inv *invocation) startOnward(ctx context.Context, l *sqlite.Store, listener string, t onwardTarget, fault func(error)) (*onward, error) {
	o := &onward{
		inv: inv, ledger: l, listener: listener, target: t,
		stop: make(chan struct{}), drain: make(chan struct{}), ended: make(chan struct{}),
	}
	if err := o.takeOver(ctx); err != nil {
		return nil, err
	}
	n, err := l.CountForwards(ctx, store.ForwardWaiting, t.name(), listener)
	if err != nil {
		return nil, err
	}
	if n > 0 {
		inv.talk.Info("waiting", fmt.Sprintf("%d callback%s from earlier %s for %s", n, plural(n != 1), verb(n, "waits", "wait"), t.name()))
	}
	o.hard, o.kill = context.WithCancel(context.Background())
	t.begin(l, o.hard, o.stop)
	o.forwarder = forward.NewForwarder(o, t.workers(), o.pass)
	running, cancel := context.WithCancel(context.Background())
	go func() {
		<-o.stop
		cancel()
	}()
	go func() {
		defer close(o.ended)
		if err := o.forwarder.Run(running, o.drain); err != nil {
			fault(err)
		}
	}()
	return o, nil
}

// takeOver takes the callbacks that wait at listeners which run no more.
func (o *onward) takeOver(ctx context.Context) error {
	names, err := o.ledger.ForwardListeners(ctx, o.target.name())
	if err != nil {
		return err
	}
	dir, err := o.inv.stateDir()
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == o.listener {
			continue
		}
		other, err := receive.Register(dir, name) // nobody else runs by that name meanwhile
		if _, runs := errors.AsType[*receive.TakenError](err); runs {
			continue
		}
		if err != nil {
			return err
		}
		if err := errors.Join(o.ledger.AdoptForwards(ctx, o.target.name(), name, o.listener), other.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Waiting implements forward.Queue.
func (o *onward) Waiting(ctx context.Context, after int64, limit int) ([]forward.Waiting, error) {
	list, err := o.ledger.WaitingForwards(ctx, o.target.name(), o.listener, after, limit)
	if err != nil {
		return nil, err
	}
	waiting := make([]forward.Waiting, len(list))
	for i, f := range list {
		waiting[i] = forward.Waiting{Seq: f.Seq, RequestID: f.RequestID}
	}
	return waiting, nil
}

// pass passes a callback on, and writes down how that has ended.
func (o *onward) pass(w forward.Waiting) error {
	f, err := o.target.hand(store.Forward{Seq: w.Seq, RequestID: w.RequestID, Target: o.target.name(), State: store.ForwardWaiting})
	if err != nil || f.State == store.ForwardWaiting {
		return err
	}
	if f.State == store.ForwardFailed {
		o.failed.Add(1)
		o.inv.talk.Warn("not-forwarded", fmt.Sprintf("%s was given up for %s: %s", term.OneLine(f.RequestID), f.Target, f.Failure),
			slog.Any("requestId", f.RequestID))
	}
	return o.ledger.ForwardEnded(context.Background(), f)
}

// close ends the passing on: finish waits until nothing waits any more, or ctx ends;
// else, and then, what is under way has a moment to end.
func (o *onward) close(ctx context.Context, finish bool) (waiting int) {
	if finish {
		close(o.drain)
		select {
		case <-o.ended:
		case <-ctx.Done():
		}
	}
	close(o.stop)
	if !o.endsWithin(sayPatience) {
		o.inv.talk.Info("finishing", "waiting for what is under way to "+o.target.name()+": Ctrl-C again leaves it")
		o.endsWithin(o.target.patience())
	}
	o.kill()
	<-o.ended
	return o.sayWhatWaits()
}

// sayPatience is from when on it is said that something is waited for.
const sayPatience = 500 * time.Millisecond

func (o *onward) endsWithin(limit time.Duration) bool {
	select {
	case <-o.ended:
		return true
	case <-time.After(limit):
		return false
	}
}

// sayWhatWaits says what another listen goes on with.
func (o *onward) sayWhatWaits() (n int) {
	n, err := o.ledger.CountForwards(context.Background(), store.ForwardWaiting, o.target.name(), o.listener)
	if err != nil {
		o.inv.talk.Warn("ledger", err.Error())
	}
	if n > 0 {
		o.inv.talk.Warn("waiting", fmt.Sprintf("%d callback%s %s for %s: the next narada listen that passes callbacks on to it goes on with %s",
			n, plural(n != 1), verb(n, "waits", "wait"), o.target.name(), verb(n, "it", "them")))
	}
	return n
}

// onwards are those of a listen command.
type onwards []*onward

func (list onwards) wake() {
	for _, o := range list {
		o.forwarder.Wake()
	}
}

// plan is what the ledger is told of a callback that is passed on.
func (list onwards) plan() (plan store.Forwarding) {
	for _, o := range list {
		plan.Listener, plan.Targets = o.listener, append(plan.Targets, o.target.name())
	}
	return plan
}

// close closes all, and returns how many callbacks were given up and how many wait.
func (list onwards) close(ctx context.Context, finish bool) (failed, waiting int) {
	var closing sync.WaitGroup
	left := make([]int, len(list))
	for i, o := range list {
		closing.Go(func() { left[i] = o.close(ctx, finish) })
	}
	closing.Wait()
	for i, o := range list {
		failed, waiting = failed+int(o.failed.Load()), waiting+left[i]
	}
	return failed, waiting
}
