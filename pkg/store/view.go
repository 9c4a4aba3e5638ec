package store

import (
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// Received is a callback without its content.
type Received struct {
	Seq       int64
	At        time.Time
	RequestID string
	Status    narada.Status
	Final     bool
	Size      int64 // of the body, in bytes
}

// Pace is how many lines of a batch finished in a span of time.
type Pace struct {
	At      time.Time // begin of the span
	Lines   Tally
	Credits float64
}
