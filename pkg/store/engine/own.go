package engine

import (
	"maps"
	"sync"
)

// Own has the numbers of the callbacks that a Store has stored itself, for FollowOthers;
// none while that does not run. Its zero value is ready.
type Own struct {
	mu   sync.Mutex
	seqs map[int64]bool
}

// Collect begins or ends the collection.
func (o *Own) Collect(on bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.seqs = nil; on {
		o.seqs = map[int64]bool{}
	}
}

// Note records callbacks that are about to be visible, or could not be stored.
func (o *Own) Note(deliveries []*Delivery, stored bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, d := range deliveries {
		if o.seqs != nil {
			o.seqs[d.Seq] = stored
		}
	}
}

// Has reports whether the callback is one of them.
func (o *Own) Has(seq int64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.seqs[seq]
}

// Forget removes the callbacks up to that number.
func (o *Own) Forget(last int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.seqs, func(seq int64, _ bool) bool { return seq <= last })
}
