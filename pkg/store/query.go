package store

import (
	"regexp"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// Query selects tasks. Its zero value selects all.
type Query struct {
	Status narada.Status
	Agent  string
	Batch  int64 // number of the batch
	Open   bool
	Since  time.Time      // dispatched since
	Heard  time.Time      // a callback has arrived since
	Failed bool           // a callback could not be forwarded
	Grep   *regexp.Regexp // in prompt or request ID
	Below  int64          // only tasks with a smaller number, to get the next page; 0: all
	Limit  int            // 0: no limit
}

// Limits say what Prune deletes.
type Limits struct {
	Before time.Time // tasks dispatched before; zero: none for their age
	Keep   int       // all but the newest Keep tasks; 0: none for their number
	Open   bool      // unfinished tasks too, and those with a callback that waits to be forwarded
}
