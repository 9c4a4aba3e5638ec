package store

import (
	"encoding/json"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/webhook"
)

// Task is a task in the ledger.
type Task struct {
	Number       int64 // grows with every task
	RequestID    string
	Source       string // the command that sent it; "callback": it was sent elsewhere
	Cloud        string // address of the API, "" when it was sent elsewhere
	Prompt       string
	Status       narada.Status // StatusUnknown and StatusRefused too
	Way          string        // how the newest state came: callback, poll or ""
	DispatchedAt time.Time
	FinishedAt   time.Time     // when the end was heard of here; zero while the task is open
	Took         time.Duration // that the task ran, as the cloud says; 0 when it does not
	Failure      string        // why a task of a batch was not accepted and never will be
	Forwarded    ForwardState  // of its callbacks the worst: given up, else waiting, else forwarded; "" when none is passed on

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

// Intent is a task that is about to be sent.
type Intent struct {
	Source string          // the command that sends it
	Cloud  string          // address of the API
	Prompt string          // as it was written
	Body   json.RawMessage // the request, its secrets masked
	Ticket webhook.Ticket  // zero: no callback comes to this machine
	At     time.Time
	Item   Item // the line of a batch that it is of; zero: none
}
