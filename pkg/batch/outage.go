package batch

import (
	"context"
	"sync"
	"time"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/store"
)

// outage is the time in which the store cannot be used. All that a process does with the
// store, and may wait for it, shares one.
type outage struct {
	report func(Event)

	mu      sync.Mutex
	waiting int   // uses of the store that are to be repeated
	lost    error // of StoreLost, until StoreBack is reported
}

// until calls use again and again, until its error is not a temporary one of the store, or
// ctx has ended.
func (o *outage) until(ctx context.Context, use func() error) error {
	err := use()
	if !store.Temporary(err) {
		o.end(0, err)
		return err
	}
	o.begin(err)
	for store.Temporary(err) && await.Sleep(ctx, storePause) {
		err = use()
	}
	o.end(1, err)
	return err
}

// begin notes that a use of the store is to be repeated.
func (o *outage) begin(err error) {
	o.mu.Lock()
	first := o.lost == nil
	if o.waiting++; first {
		o.lost = err
	}
	o.mu.Unlock()
	if first {
		o.report(StoreLost{err})
	}
}

// end notes how n uses that were to be repeated, or another one, have ended.
func (o *outage) end(n int, err error) {
	o.mu.Lock()
	o.waiting -= n
	back := o.lost != nil && o.waiting == 0 && (err == nil || isFinal(err))
	if back {
		o.lost = nil
	}
	o.mu.Unlock()
	if back {
		o.report(StoreBack{})
	}
}

// reason returns why the store cannot be used, nil if it can.
func (o *outage) reason() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lost
}

// atEnd is the context of a use of the store at the end of a run, which has that time, but
// little if the store could not be used before: why is then the cause of its end.
func (o *outage) atEnd(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	lost := o.reason()
	if lost != nil {
		d = endLimit
	}
	return context.WithTimeoutCause(context.WithoutCancel(ctx), d, lost)
}
