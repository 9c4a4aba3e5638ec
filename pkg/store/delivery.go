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
	Seq        int64  // increases with every stored callback
	Path       string // of its ticket
	ReceivedAt time.Time
	Result     *narada.Result

	// Further is set if the ledger already had a final callback of the task, with another
	// body.
	Further bool
}

// Wanted are the callbacks that a follower reads: those to the paths of these tickets, and
// those that name these tasks.
type Wanted struct{ Paths, RequestIDs []string }

// Forwarding says what is done with a callback besides storing it. Zero is nothing.
type Forwarding struct {
	Listener string   // that forwards it
	Targets  []string // none: it is not forwarded
	Unlisted bool     // Options.Stored is not called with it
}

// Delivery is a callback as stored.
type Delivery struct {
	Seq        int64
	ReceivedAt time.Time
	Final      bool
	Header     http.Header     // credentials in it are masked
	Body       json.RawMessage // as received, with other secrets masked; its secret is null
}

// DamagedError says that a stored callback cannot be read.
type DamagedError struct{ Err error }

func (e *DamagedError) Error() string { return "the stored callback is damaged: " + e.Err.Error() }

// Unwrap returns why.
func (e *DamagedError) Unwrap() error { return e.Err }

// Refusal is a callback to the path of a task or a shared ticket that was not accepted.
type Refusal struct {
	Seq        int64 `json:"-"` // set: its number, which grows with every one
	Path       string
	ReceivedAt time.Time
	StatusCode int // of the answer
	Reason     string
	Size       int64       // declared, in bytes; -1: none
	Header     http.Header // values that may be secret are masked

	// HeaderFits is set if its header was that of the ticket. It is not stored. A refusal at
	// a shared path is kept only then: an unauthenticated request must not fill the ledger.
	HeaderFits bool `json:"-"`
}

// Limits of what is kept of refused callbacks.
const (
	MaxRefusals      = 20      // of one path, the newest
	MaxOtherRefusals = 100     // of all paths without a task
	MaxAllRefusals   = 10_000  // of all
	MaxRefusalBurst  = 100     // not stored yet; the rest is dropped
	maxRefusalHeader = 4 << 10 // bytes; a longer one is dropped
	maxRefusalReason = 200     // bytes; a longer one is cut
)

// Bounded returns the refusal as it may be stored, whoever sent it: with its reason masked
// and cut, a long header dropped, and the values of headers masked, with those in the
// ticket's headers.
func (r Refusal) Bounded(ticket http.Header, mask func(string) string) Refusal {
	r.Header = secret.MaskRefusedHeader(r.Header, ticket, mask)
	var lines strings.Builder
	if _ = r.Header.Write(&lines); lines.Len() > maxRefusalHeader {
		r.Header = http.Header{}
	}
	r.Reason = shorten(mask(r.Reason), maxRefusalReason)
	return r
}

// shorten cuts the text to size bytes, at a character.
func shorten(text string, size int) string {
	if len(text) <= size {
		return text
	}
	return strings.ToValidUTF8(text[:size], "")
}
