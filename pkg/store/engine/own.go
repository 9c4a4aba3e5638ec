package engine

import "sync"

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

// Take reports whether the callback is one of them, and removes it.
func (o *Own) Take(seq int64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	own := o.seqs[seq]
	delete(o.seqs, seq)
	return own
}
