package store

import (
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// Task is a task in the ledger.
type Task struct {
	Number       int64         // increases with every task, and is never reused
	RequestID    string        // "" until known
	Source       string        // the command that sent it, such as "run"; SourceCallback: sent elsewhere
	Cloud        string        // address of the API, "" if sent elsewhere
	Prompt       string        // as written, without the agent's prefix
	Status       narada.Status // StatusUnknown and StatusRefused too
	Way          string        // source of the newest state: callback, poll or ""
	DispatchedAt time.Time     // of a task sent elsewhere: when its first callback arrived
	FinishedAt   time.Time     // when its end became known here; zero while open
	Took         time.Duration // duration of the task as reported by the cloud; 0 if unknown
	Actions      int64         // that it took, as reported by the cloud; 0 if unknown
	Credits      float64       // that it used, to a millionth
	Failure      string        // why a batch task was refused for its content
	Forwarded    ForwardState  // worst state of its callbacks: failed, waiting, forwarded, or "" for none

	// "" or 0 if unknown or none.
	Machine      string // host name of the machine that sent it
	Agent        string // as --agent names it: operator, generalist or the name of an Agent Studio agent
	CloudSession string // ID of the cloud browser session that it runs in
	Parent       string // request ID of the task that it continues
	Batch        int64  // number of its batch

	TicketPath string // of its own ticket, "" if it has none on this machine
}

// Open reports whether the task is not known to have finished.
func (t Task) Open() bool { return t.FinishedAt.IsZero() }

// Statuses in the ledger besides narada's own.
const (
	StatusUnknown narada.Status = "unknown" // it may have been accepted
	StatusRefused narada.Status = "refused" // it was not accepted
)

// SourceCallback is the source of a task that became known by a callback: it was sent
// elsewhere, or is the second task of a request that was accepted twice.
const SourceCallback = "callback"

// SourceTrigger is the source of a sample, which narada trigger sends to a listener.
const SourceTrigger = "trigger"
