package store

import (
	"regexp"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// Query says which tasks are wanted. Its zero value is all of them.
type Query struct {
	Status narada.Status
	Agent  string
	Batch  int64 // number of the batch
	Open   bool
	Since  time.Time      // dispatched since
	Heard  time.Time      // a callback has come since
	Failed bool           // a callback could not be forwarded
	Grep   *regexp.Regexp // in prompt or request ID
	Below  int64          // tasks with a smaller number: the page after the task with this one; 0: the first page
	Limit  int            // 0: no limit
}

// Limits say what Prune keeps.
type Limits struct {
	Before time.Time // tasks go that were dispatched before; zero: none for their age
	Keep   int       // tasks go that are not among so many newest; 0: none for their number
	Open   bool      // tasks that have not finished go too, and those with a callback that waits to be forwarded
}
