package batch

import (
	"context"
	"sync"
)

// windows are a pool of browser windows, each with one task at a time; nil is none,
// and every task runs wherever its request says.
type windows struct {
	free chan string
	none func() // called when none will ever be free again

	mu   sync.Mutex
	live int // windows that are free, or will be
	held map[string]*holding
}

// holding are the tasks of earlier runs that are in a window.
type holding struct {
	tasks   int
	running bool // one of them has not ended in time
}

func newWindows(names []string, none func()) *windows {
	if len(names) == 0 {
		return nil
	}
	w := &windows{free: make(chan string, len(names)), none: none, live: len(names), held: map[string]*holding{}}
	for _, name := range names {
		w.free <- name
		w.held[name] = &holding{}
	}
	return w
}

// take waits for a window that is free. release gives it back, if its task has
// ended: one that still runs has it for good.
func (w *windows) take(ctx context.Context, stopped <-chan struct{}) (name string, release func(ended bool), ok bool) {
	if w == nil {
		return "", func(bool) {}, true
	}
	select {
	case name := <-w.free:
		return name, func(ended bool) { w.release(name, ended) }, true
	case <-stopped:
	case <-ctx.Done():
	}
	return "", func(bool) {}, false
}

func (w *windows) release(name string, ended bool) {
	if ended {
		w.free <- name
		return
	}
	w.mu.Lock()
	w.live--
	live := w.live
	w.mu.Unlock()
	if live == 0 {
		w.none()
	}
}

// hold keeps others out of a window in which a task of an earlier run is. It is
// for the time before the first is taken.
func (w *windows) hold(name string) (release func(ended bool)) {
	if w == nil {
		return func(bool) {}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.held[name]
	if h == nil { // another's
		return func(bool) {}
	}
	if h.tasks++; h.tasks == 1 {
		for range len(w.free) {
			if one := <-w.free; one != name {
				w.free <- one
			}
		}
	}
	return func(ended bool) {
		w.mu.Lock()
		h.running = h.running || !ended
		h.tasks--
		last, free := h.tasks == 0, !h.running
		w.mu.Unlock()
		if last {
			w.release(name, free)
		}
	}
}
