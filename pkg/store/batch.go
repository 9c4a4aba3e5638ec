package store

import (
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// Batch is a batch in the ledger.
type Batch struct {
	Number  int64
	Name    string // unique
	BegunAt time.Time
	Input   string // path of its file, or -
	Cloud   string // address of the API
	Lines   int    // of its input at the last run

	// Settings is a JSON object with what is common to its tasks, secrets as digests; "":
	// unknown.
	Settings string
}

// Item is a line of a batch whose task was sent.
type Item struct {
	Batch int64  // number of the batch
	Key   []byte // identifies the line, wherever it is
	Line  int    // position in the input, from 1, or GoneLine
	ID    string // "" if it has none

	Content  []byte // digest of its content; nil: Key is that
	Mismatch string // how its answer does not match what was asked of it, "" if it does
}

// GoneLine is the position of a line that is no longer in the input: after all others.
const GoneLine = 1 << 30

// ItemTask is a line of a batch with its task, which is zero if it has been pruned.
type ItemTask struct {
	Item
	Task Task // without its prompt, unless Lines has returned it

	// Of an open task; "" if it has none.
	CallbackURL, Window string
}

// Tally counts the lines of a batch by the status of their tasks, "" for a pruned task.
type Tally map[narada.Status]int

// Sent returns the number of lines.
func (t Tally) Sent() (n int) {
	for _, count := range t {
		n += count
	}
	return n
}

// StatusMismatch is the status in a Tally of a success whose answer does not match what was asked of it.
const StatusMismatch narada.Status = "mismatch"
