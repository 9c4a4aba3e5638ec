package receive

import (
	"context"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/narada-cli/narada/pkg/store"
)

// How many callbacks may wait to be printed, and how many bytes of them; then no
// other is stored until the reader has read.
const (
	maxUnprinted      = 1000
	maxUnprintedBytes = 64 << 20
)

// printing prints callbacks in the order in which they were added.
type printing struct {
	print   func(store.Entry)
	max     int64               // bytes
	room    *semaphore.Weighted // for bytes: each callback takes some of it
	entries chan store.Entry    // has room for as many as that has
	last    chan struct{}       // closed: no other is added
	ended   chan struct{}

	wanted  context.Context // until nothing is printed any more
	abandon context.CancelFunc
}

func newPrinting(maxEntries int, maxBytes int64, print func(store.Entry)) *printing {
	p := &printing{
		print: print, max: maxBytes, room: semaphore.NewWeighted(maxBytes), entries: make(chan store.Entry, maxEntries),
		last: make(chan struct{}), ended: make(chan struct{}),
	}
	p.wanted, p.abandon = context.WithCancel(context.Background())
	return p
}

// add has the callback printed. It blocks while too many wait.
func (p *printing) add(e store.Entry) {
	if p.room.Acquire(p.wanted, p.size(e)) == nil {
		p.entries <- e
	}
}

// size is what the callback is counted as: a small one as its part of the number, a
// huge one as all that there is, so that it fits.
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
	if p.wanted.Err() == nil {
		p.print(e)
	}
}

// finish waits until what was added is printed. ok is false if that takes more than
// limit: the rest is not printed then.
func (p *printing) finish(limit time.Duration) (ok bool) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	defer p.abandon()
	close(p.last)
	select {
	case <-p.ended:
		return true
	case <-ctx.Done():
		return false
	}
}
