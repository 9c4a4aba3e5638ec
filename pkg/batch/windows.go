package batch

import (
	"context"
	"sync"
)

// windows are a pool of browser windows, each with one task at a time. Without names
// there is no pool, and every task runs wherever its request says.
type windows struct {
	free chan string
	none func() // called when no window will be free any more

	mu    sync.Mutex
	tasks map[string]int  // in each window of the pool
	lost  map[string]bool // windows with a task that has not ended in time
}

func newWindows(names []string, none func()) *windows {
	w := &windows{free: make(chan string, len(names)), none: none, tasks: map[string]int{}, lost: map[string]bool{}}
	for _, name := range names {
		w.tasks[name] = 0
	}
	return w
}

// hold keeps others out of a window in which a task of an earlier run is. It is for
// the time before open.
func (w *windows) hold(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.tasks[name]; ok {
		w.tasks[name]++
	}
}

// open frees those of the windows that are not held.
func (w *windows) open(names []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range names {
		if w.tasks[name] == 0 {
			w.free <- name
		}
	}
}

// take waits for a free window. It is not ok when ctx ended before.
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

// release gives a window back when its task has ended. One whose task still runs is
// not used again.
func (w *windows) release(name string, ended bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tasks[name] == 0 { // it is not of the pool
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
