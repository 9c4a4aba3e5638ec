package batch

import (
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// Phase is how far a line has come.
type Phase int

// The phases.
const (
	New      Phase = iota // nothing was sent, or surely not accepted, and may be another time
	Unknown               // its task was about to be sent, and may have been accepted
	Running               // its task was accepted
	Finished              // its task has a result
	Refused               // its task was not accepted, and never will be
	Pruned                // its task has ended, and is no longer in the store
)

// step is something that happens to a line's task.
type step int

const (
	stepIntended    step = iota // it was written down, and is about to be sent
	stepAccepted                // the cloud has accepted it
	stepNotAccepted             // the cloud surely has not accepted it, and may another time
	stepRefused                 // the cloud has refused it, and always will
	stepAnswered                // its result is there
	stepPruned                  // it was deleted from the store
)

// transitions are all that can happen to a line. Nothing else changes its phase: a
// second acceptance leaves a task running, and another answer of a finished one is a
// repeat.
var transitions = map[Phase]map[step]Phase{
	New:      {stepIntended: Unknown},
	Unknown:  {stepIntended: Unknown, stepAccepted: Running, stepNotAccepted: New, stepRefused: Refused, stepAnswered: Finished, stepPruned: Pruned},
	Running:  {stepAnswered: Finished, stepPruned: Pruned},
	Finished: {stepIntended: Unknown, stepPruned: Pruned}, // sent again, as it has failed
	Refused:  {stepIntended: Unknown, stepPruned: Pruned},
	Pruned:   {},
}

// after returns the phase of a line once the step has happened.
func (p Phase) after(s step) Phase {
	if next, ok := transitions[p][s]; ok {
		return next
	}
	return p
}

// ended reports whether there is nothing to wait for.
func (p Phase) ended() bool { return p == Finished || p == Refused || p == Pruned }

// State is the state of a line in the store.
type State struct {
	Phase     Phase
	Task      int64 // number of its newest task in the store
	RequestID string
	Status    narada.Status
	Failure   string // why it was refused
	Ticket    string // path of its callback's ticket, "" when no callback comes here
	Window    string // browser window that its task runs in, "" when it names none

	StoredErrors string // the SchemaErrors as the store has them: a JSON array, "" for none

	CallbackURL string // where the callback of an open task goes
	SentAt      time.Time
}

// stateOf is the state of a line that was sent before: its phase is what the steps that
// the store has of its task have led to.
func stateOf(i store.ItemTask) State {
	t := i.Task
	s := State{
		Phase: New.after(stepIntended),
		Task:  t.Number, RequestID: t.RequestID, Status: t.Status, Failure: t.Failure, Ticket: t.TicketPath,
		StoredErrors: i.SchemaErrors, Window: i.Window, CallbackURL: i.CallbackURL, SentAt: t.DispatchedAt,
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

// failed reports whether a line has ended without success. Schema errors do not count.
func (s State) failed() bool {
	return s.Phase == Refused || s.Phase == Finished && s.Status != narada.StatusSuccess
}

// action is what a run does about a line that it finds in some state.
type action int

const (
	actionSend   action = iota // a task is sent for it
	actionResume               // its task is waited for
	actionKeep                 // it has ended, and its outcome is that of an earlier run
	actionReport               // it is unknown, and its answer will not come
)

// action returns what a run with these options does about a line. canResume reports
// whether there is any use in waiting for an unknown task.
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
