package stream

import (
	"sync"
	"time"
)

// A deadline is a moment that can be moved while others wait for it.
type deadline struct {
	mu     sync.Mutex
	timer  *time.Timer
	past   chan struct{} // closed once the moment has passed
	isPast bool
	turn   int // counts calls of set, so that a timer of an older one is ignored
}

func newDeadline() *deadline { return &deadline{past: make(chan struct{})} }

// set moves the deadline to t; zero means never.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.turn++
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if d.isPast {
		d.past, d.isPast = make(chan struct{}), false
	}
	if t.IsZero() {
		return
	}
	left := time.Until(t)
	if left <= 0 {
		d.passLocked()
		return
	}
	turn := d.turn
	d.timer = time.AfterFunc(left, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.turn == turn {
			d.passLocked()
		}
	})
}

func (d *deadline) passLocked() {
	if !d.isPast {
		close(d.past)
		d.isPast = true
	}
}

// passed returns a channel that is closed when the deadline passes. It stays
// right while the deadline is moved before it has passed.
func (d *deadline) passed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.past
}
