package forward

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/narada-cli/narada/pkg/store"
)

// A replica of the listener that has not renewed its lease for leaseLimit is taken for dead.
const (
	leaseLimit   = 15 * time.Second
	leaseRenewal = 5 * time.Second
	leaseTry     = time.Second            // between two attempts to get it
	lookInterval = 250 * time.Millisecond // for callbacks that other replicas have stored
)

// Leases are those on forwarding: of the replicas of a listener, one forwards to a target.
type Leases interface {
	// LeaseForwarding gets a lease if number is 0, or renews it; see store.Leases.
	LeaseForwarding(ctx context.Context, listener, target string, number int64, d time.Duration) (int64, error)
}

// hold is the time in which a queue forwards.
type hold struct {
	starting  context.Context // ends: no new attempts
	running   context.Context // ends: attempts in progress are stopped
	lease     int64           // number, 0: there is none
	scheduler *scheduler
}

// newHold makes the next hold of the queue, with which it does not run yet.
func (q *queue) newHold() *hold {
	h := &hold{starting: q.starting, running: q.running}
	h.scheduler = newScheduler(q.target.Concurrency(), q.next, func(f store.Forward) error { return q.forward(h, f) })
	q.held.Store(h)
	return h
}

// run forwards until the queue stops, or is drained.
func (q *queue) run() error {
	if q.Leases == nil {
		return q.held.Load().scheduler.run(q.starting, q.drain)
	}
	for h := q.held.Load(); q.acquire(h); h = q.newHold() {
		switch err := q.runLeased(h); {
		case errors.Is(err, store.ErrLeaseLost):
			q.Report(LeaseLost{q.target.Name()})
		case !errors.Is(err, errAdopted):
			return err
		}
	}
	return nil
}

// errAdopted says that older callbacks than those that were read wait now.
var errAdopted = errors.New("callbacks of another listener were adopted")

// acquire waits for the lease. ok is false if the queue has stopped, or is drained and
// nothing waits.
func (q *queue) acquire(h *hold) (ok bool) {
	for drain := q.drain; ; {
		if number, err := q.lease(q.starting, 0, leaseLimit); err == nil && number != 0 {
			h.lease = number
			return true
		}
		if drain == nil {
			if waiting, err := q.count(q.starting); err == nil && waiting == 0 {
				return false
			}
		}
		select {
		case <-time.After(leaseTry):
		case <-drain:
			drain = nil
		case <-q.starting.Done():
			return false
		}
	}
}

// lease gets or renews the lease. It takes no longer than until the next renewal.
func (q *queue) lease(ctx context.Context, number int64, d time.Duration) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, leaseRenewal)
	defer cancel()
	return q.Leases.LeaseForwarding(ctx, q.Listener, q.target.Name(), number, d)
}

// runLeased forwards while it has the lease. The error is store.ErrLeaseLost if it has not, or
// errAdopted.
func (q *queue) runLeased(h *hold) error {
	var lose, kill context.CancelFunc
	h.starting, lose = context.WithCancel(q.starting)
	h.running, kill = context.WithCancel(q.running)
	defer kill()
	var ended error
	over, renewing := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(renewing)
		ended = q.renew(h, over, lose)
		if errors.Is(ended, store.ErrLeaseLost) {
			lose()
			kill() // another one is about to send the same callbacks
		}
	}()
	err := h.scheduler.run(h.starting, q.drain)
	lose()
	close(over)
	<-renewing
	if err = cmp.Or(err, ended); !errors.Is(err, store.ErrLeaseLost) {
		_, _ = q.lease(context.Background(), h.lease, 0) // it ends by itself, too
	}
	return err
}

// renew renews the lease until it is over, and makes the scheduler look for what other
// replicas have stored. When it has adopted callbacks of listeners that have died meanwhile, it
// calls adopted. The error is store.ErrLeaseLost or errAdopted.
func (q *queue) renew(h *hold, over <-chan struct{}, adopted func()) (err error) {
	renewed := time.Now()
	look, due := time.Tick(lookInterval), renewed.Add(leaseRenewal)
	for {
		select {
		case <-look:
			h.scheduler.wakeUp()
		case <-over:
			return err
		}
		now := time.Now()
		if now.Before(due) {
			continue
		}
		due = now.Add(leaseRenewal)
		switch number, failed := q.lease(context.Background(), h.lease, leaseLimit); {
		case failed == nil && number == 0, failed != nil && now.Sub(renewed) > leaseLimit:
			return store.ErrLeaseLost
		case failed != nil:
			continue
		}
		renewed = now
		if some, _ := q.adopt(h.starting); some { // an error is temporary, or shows elsewhere
			adopted()
			err = errAdopted
		}
	}
}
