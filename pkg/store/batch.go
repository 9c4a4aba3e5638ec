package store

import (
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// Batch is a batch in the ledger.
type Batch struct {
	Number  int64
	Name    string // there is one batch of each name
	BegunAt time.Time
	Input   string // path of its file, or -
	Cloud   string // address of the API
	Lines   int    // of its input, when it was run last
}

// Item is a line of a batch, of which a task was sent.
type Item struct {
	Batch int64  // its number
	Key   []byte // by which the line is known, whatever its place
	Line  int    // its place, from 1, or GoneLine
	ID    string // its own, "" when it has none

	Content      []byte // digest of what is in it; nil: that is what it is known by
	SchemaErrors string // how its answer's data differ from what was asked for, "" when they do not
}

// GoneLine is the place of a line that is no longer in the input: after all others.
const GoneLine = 1 << 30

// ItemTask is a line of a batch with its task. One whose task has been pruned has
// the task's zero value.
type ItemTask struct {
	Item
	Task Task // without its prompt

	// Of an open task: where its callback goes, and its browser window; "" is nowhere.
	CallbackURL, Window string
}

// Tally is how the lines of a batch stand. Statuses are those of the tasks; lines
// whose task has been pruned have none.
type Tally map[narada.Status]int

// Sent is how many lines there are.
func (t Tally) Sent() (n int) {
	for _, count := range t {
		n += count
	}
	return n
}

// StatusSchemaErrors is what a Tally counts a success as whose data are not what was asked
// for.
const StatusSchemaErrors narada.Status = "schema-error"
