package batch

import (
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// Phase is the progress of a line.
type Phase int

// The phases.
const (
	New      Phase = iota // not sent, or not accepted for a temporary reason
	Unknown               // its task may have been accepted
	Running               // its task was accepted
	Finished              // its task has a result
	Refused               // its task was refused for its content
	Pruned                // its task is no longer in the store
)

// step is an event of a line's task.
type step int

const (
	stepIntended    step = iota // stored, and about to be sent
	stepAccepted                // accepted by the cloud
	stepNotAccepted             // not accepted for a temporary reason
	stepRefused                 // refused for its content
	stepAnswered                // it has a result
	stepPruned                  // deleted from the store
)

// transitions are all changes of a phase; other steps, as a repeated answer, leave it.
var transitions = map[Phase]map[step]Phase{
	New:      {stepIntended: Unknown},
	Unknown:  {stepIntended: Unknown, stepAccepted: Running, stepNotAccepted: New, stepRefused: Refused, stepAnswered: Finished, stepPruned: Pruned},
	Running:  {stepAnswered: Finished, stepPruned: Pruned},
	Finished: {stepIntended: Unknown, stepPruned: Pruned}, // sent again after a failure
	Refused:  {stepIntended: Unknown, stepPruned: Pruned},
	Pruned:   {},
}

// after returns the phase after the step.
func (p Phase) after(s step) Phase {
	if next, ok := transitions[p][s]; ok {
		return next
	}
	return p
}

// ended reports whether the phase is final.
func (p Phase) ended() bool { return p == Finished || p == Refused || p == Pruned }

// State is the state of a line in the store.
type State struct {
	Phase     Phase
	Task      int64 // number of its newest task in the store
	RequestID string
	Status    narada.Status
	Failure   string // why it was refused
	Ticket    string // path of its ticket, "" if its callback does not arrive here
	Window    string // browser window of its task, "" if it names none
	Machine   string // host name of the machine that sent it

	StoredMismatch string // Mismatch in the store, "" for none

	CallbackURL string // of an open task
	SentAt      time.Time
}

// stateOf returns the state of a line that was sent, from its task in the store.
func stateOf(i store.ItemTask) State {
	t := i.Task
	s := State{
		Phase: New.after(stepIntended),
		Task:  t.Number, RequestID: t.RequestID, Status: t.Status, Failure: t.Failure, Ticket: t.TicketPath,
		StoredMismatch: i.Mismatch, Window: i.Window, Machine: t.Machine, CallbackURL: i.CallbackURL, SentAt: t.DispatchedAt,
	}
	switch {
	case t.Number == 0:
		s.Phase = s.Phase.after(stepPruned)
	case t.Status == store.StatusRefused && t.Failure == "":
		s.Phase = s.Phase.after(stepNotAccepted)
	case t.Status == store.StatusRefused:
		s.Phase = s.Phase.after(stepRefused)
	case !t.Open():
		s.Phase = s.Phase.after(stepAnswered)
	case t.RequestID != "":
		s.Phase = s.Phase.after(stepAccepted)
	}
	return s
}

// failed reports whether a line has ended without success. A mismatch does not count.
func (s State) failed() bool {
	return s.Phase == Refused || s.Phase == Finished && s.Status != narada.StatusSuccess
}

// action is what a run does with a line.
type action int

const (
	actionSend   action = iota // send a task
	actionResume               // wait for its task
	actionKeep                 // keep the outcome of an earlier run
	actionReport               // report it as unknown: no answer will arrive
)

// action returns what a run with these options does with a line in that state. canResume
// reports whether an unknown task can still be answered.
func (o *Options) action(s State, canResume func(State) bool) action {
	switch {
	case s.Phase == New, s.failed() && o.RetryFailed, s.Phase == Unknown && o.ResendUnknown:
		return actionSend
	case s.Phase == Running, s.Phase == Unknown && canResume(s):
		return actionResume
	case s.Phase == Unknown:
		return actionReport
	}
	return actionKeep
}
