package cmd

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/config"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
	"github.com/narada-cli/narada/pkg/webhook"
)

// lookup asks for several tasks at once: until each has finished, or until each
// was heard of.
type lookup struct {
	poller *await.Poller
	unlook func() // ends the wait for the last look
	cancel context.CancelFunc
	waits  sync.WaitGroup
	tasks  map[string]*lookupTask
	stop   func() // the spinner
	desk   *await.Desk
	ledger *sqlite.Store         // nil: there is none
	kept   map[string]store.Task // those of the tasks that it has
	warned sync.Once             // that it cannot be written
	inv    *invocation
}

// lookupTask is one of them.
type lookupTask struct {
	id    string
	claim *await.Claim
	done  chan struct{}

	answer *narada.Result // after done
	err    error

	mu     sync.Mutex
	failed error // the newest call's
}

func newLookup(ctx context.Context, inv *invocation, c *cloud, kept *sqlite.Store, ids []string, wait bool) *lookup {
	ctx, cancel := context.WithCancel(ctx)
	desk := await.NewDesk()
	l := &lookup{cancel: cancel, tasks: map[string]*lookupTask{}, stop: func() {}, desk: desk, ledger: kept, inv: inv}
	for _, id := range ids {
		t := &lookupTask{id: id, claim: desk.Expect(webhook.Ticket{}), done: make(chan struct{})}
		t.claim.Named(id)
		l.tasks[id] = t
	}
	l.poller = await.NewPoller(await.PollerOptions{
		Status: inv.statusCall(c.client),
		Offer:  l.polled,
		Pace:   await.PaceAlone(inv.duration(config.PollInterval)),
		Failed: func(id string, err error, inARow int, gaveUp bool) {
			l.tasks[id].note(err)
			if gaveUp {
				desk.Fail(id, err)
				return
			}
			inv.pollFailing(err, inARow)
		},
	})
	if wait && kept != nil {
		l.watchLedger(ctx)
	}
	l.unlook = l.poller.LookBefore(ctx, func() []string { return ids })
	for _, id := range ids {
		t := l.tasks[id]
		stop := func() {}
		if !t.claim.Done() {
			stop = l.poller.Watch(id, 0)
		}
		l.waits.Go(func() {
			defer stop()
			t.await(ctx, inv, wait)
		})
	}
	if wait {
		label := "waiting for " + ids[0]
		if len(ids) > 1 {
			label += " and others"
		}
		l.stop = inv.talk.Wait("waiting", label)
	}
	return l
}

// polled takes what a status call has told.
func (l *lookup) polled(a await.Answer) {
	l.desk.Offer(a)
	if l.ledger == nil {
		return
	}
	if err := l.ledger.Polled(context.Background(), a.Result, time.Now()); err != nil {
		l.warned.Do(func() { l.inv.warnOfLedger(err, "how the task goes on is not kept") })
	}
}

// watchLedger takes the answers that are in the ledger, and those whose callbacks
// come in at another narada from now on.
func (l *lookup) watchLedger(ctx context.Context) {
	const consequence = "callbacks that come in at another narada are not seen"
	after, err := l.ledger.Last(ctx)
	if err == nil {
		err = l.takeKept(ctx)
	}
	if err != nil {
		l.inv.warnOfLedger(err, consequence)
		return
	}
	l.waits.Go(func() {
		for e, err := range l.ledger.Follow(ctx, after) {
			if err != nil {
				l.inv.warnOfLedger(err, consequence)
				return
			}
			if l.kept[e.Result.RequestID].Takes(e.Path) {
				l.desk.Offer(await.Answer{Result: e.Result, By: await.ByCallback})
			}
		}
	})
}

// takeKept takes the answers that are there already.
func (l *lookup) takeKept(ctx context.Context) error {
	l.kept = map[string]store.Task{}
	for id := range l.tasks {
		t, ok, err := l.ledger.Task(ctx, id)
		if err != nil {
			return err
		}
		l.kept[id] = t
		if !ok || t.Open() {
			continue
		}
		r, err := l.ledger.Final(ctx, t)
		if err != nil {
			return err
		}
		if r != nil {
			l.desk.Offer(await.Answer{Result: r, By: await.ByCallback})
		}
	}
	return nil
}

func (l *lookup) task(id string) *lookupTask { return l.tasks[id] }

func (l *lookup) close() {
	l.stop()
	l.unlook()
	l.cancel()
	l.waits.Wait()
	l.poller.Close()
}

// await sets the outcome: the final result, or without wait any.
func (t *lookupTask) await(ctx context.Context, inv *invocation, wait bool) {
	defer close(t.done)
	if !wait {
		select {
		case <-t.claim.Heard():
		case <-ctx.Done():
			t.err = context.Cause(ctx)
			return
		}
		if t.answer = t.claim.Last(); t.answer != nil {
			return
		}
	}
	var a await.Answer
	a, t.err = t.claim.Wait(ctx, func(input narada.HumanInput) {
		inv.talk.Warn("input-required", humanLine(t.id, input), slog.Any("requestId", t.id), slog.Any("inputId", input.InputID))
	})
	t.answer = a.Result
}

func (t *lookupTask) result() (*narada.Result, error) {
	<-t.done
	return t.answer, t.err
}

func (t *lookupTask) note(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed = err
}

// failure words why nothing was heard of the task.
func (t *lookupTask) failure() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed == nil {
		t.failed = errors.New("no answer in time")
	}
	return explain(t.failed)
}
