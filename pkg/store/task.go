package store

import (
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// Task is a task in the ledger.
type Task struct {
	Number       int64         // grows with every task, and is never used again
	RequestID    string        // "" until the cloud has told it
	Source       string        // the command that sent it, as "run"; SourceCallback: it was sent elsewhere
	Cloud        string        // address of the API, "" when it was sent elsewhere
	Prompt       string        // as it was written, without the agent's prefix
	Status       narada.Status // StatusUnknown and StatusRefused too
	Way          string        // how the newest state came: callback, poll or ""
	DispatchedAt time.Time     // of a task that was sent elsewhere: when its first callback came
	FinishedAt   time.Time     // when its end was known here; zero while the task is open
	Took         time.Duration // that the task ran, as the cloud says; 0 when it does not
	Failure      string        // why a task of a batch was not accepted and never will be
	Forwarded    ForwardState  // of its callbacks the worst: failed, else waiting, else forwarded; "" when none is forwarded

	// From where and what for; "" or 0 when that is not known, or there is none.
	Machine      string // host name of the machine that sent it
	Agent        string // as --agent names it: operator, generalist or the name of an Agent Studio agent
	CloudSession string // ID of the cloud browser session that it runs in
	Parent       string // request ID of the task that it continues
	Batch        int64  // number of its batch

	TicketPath string // of its own ticket, "" when it has none on this machine
}

// Takes reports whether a callback that showed the ticket of that path may tell of
// the task: it is the task's own, or the task has none on this machine.
func (t Task) Takes(path string) bool { return t.TicketPath == "" || t.TicketPath == path }

// Open reports whether the task has not finished, as far as is known here.
func (t Task) Open() bool { return t.FinishedAt.IsZero() }

// What a task's status is in the ledger beside narada's own.
const (
	StatusUnknown narada.Status = "unknown" // it was about to be sent, and may have been
	StatusRefused narada.Status = "refused" // it was not accepted
)

// SourceCallback is the source of a task that was dispatched elsewhere, or that came
// of a request that was accepted twice, and of which a callback told first.
const SourceCallback = "callback"
