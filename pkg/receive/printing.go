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
	entries chan store.Entry
	max     int64 // bytes that wait
	bytes   *semaphore.Weighted
	last    chan struct{} // closed: no other is added
	ended   chan struct{}

	wanted  context.Context // until nothing is printed any more
	abandon context.CancelFunc
}

func newPrinting(maxEntries int, maxBytes int64, print func(store.Entry)) *printing {
	p := &printing{
		print: print, entries: make(chan store.Entry, maxEntries), max: maxBytes, bytes: semaphore.NewWeighted(maxBytes),
		last: make(chan struct{}), ended: make(chan struct{}),
	}
	p.wanted, p.abandon = context.WithCancel(context.Background())
	return p
}

// add has the callback printed. It blocks while too many wait.
func (p *printing) add(e store.Entry) {
	if p.bytes.Acquire(p.wanted, p.size(e)) != nil {
		return
	}
	select {
	case p.entries <- e:
	case <-p.wanted.Done():
	}
}

// size is what the callback is counted as: one alone always has room.
func (p *printing) size(e store.Entry) int64 { return min(int64(len(e.Result.Raw())), p.max) }

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
	defer p.bytes.Release(p.size(e))
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
