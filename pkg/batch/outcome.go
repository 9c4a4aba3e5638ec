package batch

import (
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// Phase is how far a line has come.
type Phase int

// The phases.
const (
	New      Phase = iota // nothing was sent, or surely not accepted, and may be another time
	Unknown               // it was about to be sent, and may have been
	Running               // it was accepted
	Finished              // it has its result
	Refused               // it was not accepted, and never will be
	Pruned                // it was sent, and the book has forgotten how it ended
)

// State is how a line stands in the book.
type State struct {
	Phase     Phase
	Task      int64 // number of its newest task in the book
	RequestID string
	Status    narada.Status
	Failure   string // why it was refused
	Ticket    string // path of its callback's ticket, "" when none comes here
	Window    string // browser window that its task runs in, "" when it names none

	Noted []string // how its data differ from what was asked for, as the book has it

	CallbackURL string // where the callback of an open task goes
	SentAt      time.Time
}

// failed reports whether a line has ended without success.
func (s State) failed() bool {
	return s.Phase == Refused || s.Phase == Finished && s.Status != narada.StatusSuccess
}

// ended reports whether there is nothing to wait for.
func (s State) ended() bool { return s.Phase == Finished || s.Phase == Refused || s.Phase == Pruned }

// Outcome is how a line came out.
type Outcome struct {
	Line
	State
	Result *narada.Result // of a finished one; nil in the book alone
	Misfit []string       // how its data differ from what was asked for

	// Err is why a line has not ended: of its own, or what is wrong with all of them.
	Err   error
	Fatal bool // with Err: nothing was accepted, and no other line would be
}

// Succeeded reports whether the line has the answer that was asked for.
func (o Outcome) Succeeded() bool {
	return o.Phase == Finished && o.Status == narada.StatusSuccess && len(o.Misfit) == 0
}

// What the output calls the status of a line that the cloud has not given one.
const (
	StatusUnknown narada.Status = "unknown"
	StatusRefused narada.Status = "refused"
	StatusPruned  narada.Status = "pruned"
)

// StatusName is what the output calls the outcome's status.
func (o Outcome) StatusName() narada.Status {
	switch o.Phase {
	case Unknown:
		return StatusUnknown
	case Refused:
		return StatusRefused
	case Pruned:
		return StatusPruned
	}
	return o.Status
}
