package batch

import (
	"context"
	"sync"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/store"
)

// outage is the time in which the store cannot be used. All that a process does with the
// store, and may wait for it, shares one.
type outage struct {
	report func(Event)

	mu      sync.Mutex
	waiting int  // uses of the store that are to be repeated
	lost    bool // StoreLost is reported, and StoreBack is not yet
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
	first := !o.lost
	o.waiting, o.lost = o.waiting+1, true
	o.mu.Unlock()
	if first {
		o.report(StoreLost{err})
	}
}

// end notes how n uses that were to be repeated, or another one, have ended.
func (o *outage) end(n int, err error) {
	o.mu.Lock()
	o.waiting -= n
	back := o.lost && o.waiting == 0 && (err == nil || isFinal(err))
	o.lost = o.lost && !back
	o.mu.Unlock()
	if back {
		o.report(StoreBack{})
	}
}
