package stream

import (
	"sync"
	"time"
)

// A deadline is a time that can be moved while goroutines wait for it.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	past  chan struct{} // closed when the deadline has passed
}

func newDeadline() *deadline { return &deadline{past: make(chan struct{})} }

// set moves the deadline to t; zero means never.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		<-d.past // closed, or about to be
		d.past = make(chan struct{})
	}
	d.timer = nil
	if t.IsZero() {
		return
	}
	left, past := time.Until(t), d.past
	d.timer = time.AfterFunc(left, func() { close(past) })
	if left <= 0 {
		<-past
	}
}

// passed returns a channel that is closed when the deadline passes. It remains
// valid while the deadline is moved before it has passed.
func (d *deadline) passed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.past
}
