package receive

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"github.com/narada-cli/narada/pkg/store"
)

// How many callbacks, and bytes of them, may wait to be printed. Beyond that no
// callback is stored until the reader has read.
const (
	maxUnprinted      = 1000
	maxUnprintedBytes = 64 << 20
)

// printing prints callbacks in the order in which they were added.
type printing struct {
	print   func(store.Entry)
	max     int64               // bytes
	room    *semaphore.Weighted // bytes
	entries chan store.Entry    // has room for all that room admits
	last    chan struct{}       // closed: no more are added
	ended   chan struct{}
	waiting atomic.Int64 // callbacks that were added and not printed yet

	active  context.Context // until printing is abandoned
	abandon context.CancelFunc
}

func newPrinting(maxEntries int, maxBytes int64, print func(store.Entry)) *printing {
	p := &printing{
		print: print, max: maxBytes, room: semaphore.NewWeighted(maxBytes), entries: make(chan store.Entry, maxEntries),
		last: make(chan struct{}), ended: make(chan struct{}),
	}
	p.active, p.abandon = context.WithCancel(context.Background())
	return p
}

// add queues the callback. It blocks while too many wait.
func (p *printing) add(e store.Entry) {
	p.waiting.Add(1)
	if p.room.Acquire(p.active, p.size(e)) == nil {
		p.entries <- e
	}
}

// size is the callback's weight: at least one share of the maximum number, at most all
// of it, so that a huge one fits.
func (p *printing) size(e store.Entry) int64 {
	return min(max(int64(len(e.Result.Raw())), p.max/int64(cap(p.entries))), p.max)
}

func (p *printing) run() {
	defer close(p.ended)
	for {
		select {
		case e := <-p.entries:
			p.printOne(e)
		case <-p.last:
			for len(p.entries) > 0 {
				p.printOne(<-p.entries)
			}
			return
		}
	}
}

func (p *printing) printOne(e store.Entry) {
	defer p.room.Release(p.size(e))
	if p.active.Err() == nil {
		p.print(e)
	}
	if p.active.Err() == nil { // else it may not be printed
		p.waiting.Add(-1)
	}
}

// finish waits until all callbacks are printed, or printing is abandoned. ok is false if
// some may not be printed.
func (p *printing) finish() (ok bool) {
	defer p.abandon()
	close(p.last)
	select {
	case <-p.ended:
	case <-p.active.Done():
	}
	return p.waiting.Load() == 0
}
