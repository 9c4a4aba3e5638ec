package batch

import (
	"context"
	"slices"
	"sync"
)

// windows is a pool of browser windows, each with one task at a time. Without names there
// is no pool: every task runs in the window of its request.
type windows struct {
	free chan string
	none func() // called when no window can become free any more

	mu    sync.Mutex
	tasks map[string]int  // by window
	lost  map[string]bool // windows whose task may still be running
}

// newWindows returns a pool in which running tasks of earlier runs hold windows. Those in
// which a task of an earlier run may or may not be running are used last.
func newWindows(names, held, doubtful []string, none func()) *windows {
	w := &windows{free: make(chan string, len(names)), none: none, tasks: map[string]int{}, lost: map[string]bool{}}
	for _, name := range names {
		w.tasks[name] = 0
	}
	for _, name := range held {
		w.hold(name)
	}
	for _, last := range []bool{false, true} {
		for _, name := range names {
			if w.tasks[name] == 0 && slices.Contains(doubtful, name) == last {
				w.free <- name
			}
		}
	}
	return w
}

// hold counts a task in a window of the pool.
func (w *windows) hold(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.tasks[name]; ok {
		w.tasks[name]++
	}
}

// take waits for a free window. ok is false if ctx ended.
func (w *windows) take(ctx context.Context) (name string, ok bool) {
	if cap(w.free) == 0 {
		return "", true
	}
	select {
	case name = <-w.free:
		w.hold(name)
		return name, true
	case <-ctx.Done():
		return "", false
	}
}

// release frees a window whose task has ended. Otherwise the window is not used again.
func (w *windows) release(name string, ended bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tasks[name] == 0 { // not in the pool
		return
	}
	if w.tasks[name]--; !ended {
		w.lost[name] = true
	}
	switch {
	case w.tasks[name] > 0:
	case !w.lost[name]:
		w.free <- name
	case len(w.lost) == len(w.tasks):
		w.none()
	}
}
