package store

import (
	"errors"
	"time"

	"github.com/narada-cli/narada/pkg/webhook"
)

// A batch whose lines are in the ledger is worked on by any number of processes. A queued
// line is one to be sent; one that was sent has its task. A worker claims a line for the
// length of a lease by the ledger's clock, and gets a fence, which every write about the
// line must show. A line is finished when a worker has written its outcome.

// Work is a batch whose lines are in the ledger.
type Work struct {
	Batch   Batch
	Options string // JSON, what its run was given

	Waiting   bool // lines are to be sent
	Adoptable bool // a line was sent by a worker that no longer holds it, and its outcome can be found
	Unknown   int  // lines that may have been accepted, whose worker no longer holds them
	InFlight  int  // lines that workers hold
	Lost      int  // windows whose tasks may be running and are not waited for
	Finished  int64
	Failures  int     // lines that did not succeed since its run began
	Credits   float64 // that its answers have used
}

// Open reports whether lines have not finished.
func (w Work) Open() bool { return w.Waiting || w.Adoptable || w.Unknown+w.InFlight > 0 }

// ErrClaimLost is a write about a line with the fence of a claim that is over.
var ErrClaimLost = errors.New("another worker has the line")

// OpenWork puts a batch among those that are worked on, or changes its options, and begins
// to count its failures.
type OpenWork struct {
	Batch   int64
	Options string
	Credits float64 // used so far; it does not count while lines are open
}

// ChangeWork changes the options of a batch that is worked on.
type ChangeWork struct {
	Batch   int64
	Options string
}

// QueueLine adds a line to be sent, or, with a Task, one that was sent and whose outcome is
// to be found. It does nothing if its newest task is not Seen. Of a line that is queued it
// changes only how long an unknown task is waited for, and its assertions, and frees its window.
type QueueLine struct {
	Item      Item
	Intent    Intent // Prompt, Body, Agent, CloudSession and Parent; secrets are references
	Seen      int64  // number of its newest task; 0: none
	Task      int64  // number of the task that is waited for; 0: it is to be sent
	Unawaited bool   // no callback can tell whether the task was accepted

	Assertions string // of the line alone: a JSON array of strings; "": none
}

// ClaimLimits are the limits of a batch, over all of its workers.
type ClaimLimits struct {
	Concurrency int           // lines that workers hold
	Rate        float64       // lines sent per second; 0: no limit
	Windows     []string      // each for one task; none: that of the request
	MaxFailures int           // 0: no limit
	MaxCredits  float64       // 0: no limit
	Lease       time.Duration // of a claim
	TimeLimit   time.Duration // of a task, from its dispatch: how long a callback is waited for
	SendLimit   time.Duration // of a dispatch call
}

// SendAhead is how long before its turn by the rate a line is claimed.
const SendAhead = 250 * time.Millisecond

// Address is what the callback of a task will show, and where it is sent to.
type Address struct {
	Ticket webhook.Ticket
	URL    string
}

// Claim claims up to Max lines for an owner. It writes the intents of those to be sent, and
// adopts those whose lease has ended and whose outcome can be found. Lines that may have been
// accepted, and whose time is over, are finished as unknown; they are no failures.
type Claim struct {
	Batch     int64
	Owner     string // of the claims: a worker
	Call      int64  // number of this Claim, different for each of the owner's
	Max       int
	Limits    ClaimLimits
	Addresses []Address // for Max lines; none: no callbacks
	Source    string
	Cloud     string
	Machine   string
	At        time.Time
}

// Claimed is a line that a worker holds.
type Claimed struct {
	Item
	Fence  int64
	Task   int64  // number
	Ticket string // path of its task's ticket
	Send   bool   // it is to be sent; else its outcome is to be found

	Assertions string // as QueueLine has them

	// Of a line to be sent.
	Prompt  string
	Request []byte // secrets are references
	Window  string // of the pool
	In      time.Duration
}

// HeldLine is a line with the fence of its claim.
type HeldLine struct {
	Batch int64
	Key   []byte
	Fence int64
}

// CheckClaim makes a write fail with ErrClaimLost unless the fence is that of the line's
// claim.
type CheckClaim struct{ HeldLine }

// RenewClaims begins the leases of an owner's claims again. A Lease of 0 ends them: the
// owner is gone, and sends nothing any more.
type RenewClaims struct {
	Owner string
	Lease time.Duration
}

// FinishLine writes that the outcome of a line is known. The error may be ErrClaimLost.
type FinishLine struct {
	HeldLine
	Failed   bool
	Credits  float64
	Mismatch string // as SetMismatch has it
	Lost     bool   // its task may be running, in the window
}

// ReleaseLine makes a line that was not accepted one to be sent. The error may be
// ErrClaimLost.
type ReleaseLine struct{ HeldLine }

// HoldWork stops the claims of lines to be sent for a while, after the API has asked for it.
type HoldWork struct {
	Batch int64
	For   time.Duration
}

func (*OpenWork) op()    {}
func (*ChangeWork) op()  {}
func (*QueueLine) op()   {}
func (*Claim) op()       {}
func (*CheckClaim) op()  {}
func (*RenewClaims) op() {}
func (*FinishLine) op()  {}
func (*ReleaseLine) op() {}
func (*HoldWork) op()    {}

// Stopped reports whether a limit has ended the sending.
func (l ClaimLimits) Stopped(failures int, credits float64) bool {
	return l.MaxFailures > 0 && failures >= l.MaxFailures || l.MaxCredits > 0 && credits > l.MaxCredits
}

// Gap is the time between two lines that are sent, 0 without a rate.
func (l ClaimLimits) Gap() time.Duration {
	if l.Rate == 0 {
		return 0
	}
	return time.Duration(float64(time.Second) / l.Rate)
}
