package await

// Waiting is what a task waits for.
type Waiting int

// What a task waits for, in the order in which it happens.
const (
	ForAcceptance Waiting = iota // its dispatch is under way
	ForCallback                  // the dispatch's answer is lost: only a callback can tell
	ForAnswer                    // it was accepted
)

// Progress is a snapshot of one task.
type Progress struct {
	Waiting   Waiting
	RequestID string // "" until it is accepted
}

// Progress returns the progress of the task that was heard of last. It does not block.
func (e *Engine) Progress() Progress {
	if p := e.progress.Load(); p != nil {
		return *p
	}
	return Progress{}
}

// show makes the waiter's progress the one that Progress returns, before its change is
// reported.
func (e *Engine) show(w *waiter) {
	p := Progress{Waiting: ForAnswer, RequestID: w.id}
	switch {
	case w.id != "":
	case w.state == intended:
		p.Waiting = ForAcceptance
	default:
		p.Waiting = ForCallback
	}
	e.progress.Store(&p)
}
