package store

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// Entry is a callback in the ledger.
type Entry struct {
	Seq        int64  // grows with every callback that is stored
	Path       string // of the ticket that it showed
	ReceivedAt time.Time
	Result     *narada.Result

	// Further says that the ledger had a final callback for the task already, with
	// another body.
	Further bool
}

// Forwarding says what is done with a callback beside keeping it. Its zero value is
// nothing.
type Forwarding struct {
	Listener string   // that forwards it
	Targets  []string // to which; none: it is not forwarded
	Unlisted bool     // Options.Stored is not told of it
}

// Delivery is a callback as it is kept.
type Delivery struct {
	Seq        int64
	ReceivedAt time.Time
	Final      bool
	Header     http.Header     // what proves the sender is masked
	Body       json.RawMessage // as it came; the secret is blanked once the task has finished
}

// Refusal is a callback that came to a task's path and was not accepted.
type Refusal struct {
	ReceivedAt time.Time
	StatusCode int // that it was answered
	Reason     string
	Size       int64       // that it declared, in bytes; -1: none
	Header     http.Header // what may prove the sender is masked
}
