package store

import (
	"regexp"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// Query selects tasks. Its zero value selects all, except samples.
type Query struct {
	Status narada.Status
	Agent  string
	Source string
	Batch  int64 // number of the batch
	Open   bool
	Since  time.Time // dispatched since
	Heard  time.Time // a callback has arrived since
	Failed bool      // a callback could not be forwarded; of samples too

	Samples bool           // samples too: tasks of SourceTrigger
	Grep    *regexp.Regexp // in prompt or request ID
	Below   int64          // only tasks with a smaller number, to get the next page; 0: all
	Limit   int            // 0: no limit
}

// LineQuery selects lines of a batch that were sent, and are in its input. They are in its
// order.
type LineQuery struct {
	Batch   int64 // number
	Failed  bool  // finished without success, or with schema errors
	Open    bool  // not finished
	Slowest bool  // in the order of their duration, the longest first
	After   int   // only lines after that position, to get the next page; 0: all
	Limit   int
}

// Limits say which tasks Prune deletes: those that are both old enough and not among the
// newest. Zero Limits are none.
type Limits struct {
	Before time.Time // tasks dispatched before; zero: of any age
	Keep   int       // all but the newest Keep tasks; 0: any
	Open   bool      // unfinished tasks too, and those with a callback that waits to be forwarded
}

// Prunable is what a Prune would delete, and what depends on it.
type Prunable struct {
	Tasks   int64
	Open    int64    // of them, those that have not finished
	Waiting int64    // callbacks of theirs that wait to be forwarded
	Kept    int64    // tasks that are kept only because they are open, or a callback waits
	Batches []string // names of the batches with lines among them
}
