package store

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret"
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
	Header     http.Header     // credentials in it are masked
	Body       json.RawMessage // as it came; the secret is blanked once the task has finished
}

// Refusal is a callback that came to a task's path and was not accepted.
type Refusal struct {
	Path       string
	ReceivedAt time.Time
	StatusCode int // that it was answered
	Reason     string
	Size       int64       // that it declared, in bytes; -1: none
	Header     http.Header // credentials in it are masked
}

// The bounds of what is kept of refused callbacks.
const (
	MaxRefusals      = 20      // of one task, the newest
	MaxAllRefusals   = 10_000  // of all tasks
	MaxRefusalBurst  = 100     // noted and not yet written; the rest is not kept
	maxRefusalHeader = 4 << 10 // bytes; a longer one is left out
	maxRefusalReason = 200     // bytes; a longer one is cut
)

// Bounded returns the refusal as it may be kept, whoever has sent the callback: its
// header left out where it is long, without the values of what the ticket of the path
// is shown by, its reason cut.
func (r Refusal) Bounded(ticket http.Header) Refusal {
	r.Header = secret.MaskHeader(r.Header, ticket)
	var lines strings.Builder
	if _ = r.Header.Write(&lines); lines.Len() > maxRefusalHeader {
		r.Header = http.Header{}
	}
	r.Reason = shorten(r.Reason, maxRefusalReason)
	return r
}

// shorten cuts the text to so many bytes, and to whole characters.
func shorten(text string, size int) string {
	if len(text) <= size {
		return text
	}
	return strings.ToValidUTF8(text[:size], "")
}
