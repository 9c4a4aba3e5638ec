package store

import (
	"math"
	"time"
)

// UsageBy is what usage is counted by.
type UsageBy string

// What usage can be counted by.
const (
	UsageByTime  UsageBy = "time" // quarters of an hour, which days of every time zone consist of
	UsageByAgent UsageBy = "agent"
	UsageByBatch UsageBy = "batch"
)

// UsageSpan is the length of the spans of UsageByTime.
const UsageSpan = 15 * time.Minute

// Usage is what tasks used that were dispatched in a span of time, to an agent or for a
// batch. Samples do not count.
type Usage struct {
	Name    string    // of the agent or the batch; "": none, or unknown
	At      time.Time // begin of the span
	Tasks   Tally     // by status
	Actions int64     // as reported by the cloud for those that have finished
	Credits float64
}

// MaxUsed is the largest count of actions, or of millionths of a credit, of one task. What
// the cloud reports beyond it is taken for that.
const MaxUsed = 1 << 50

// Microcredits returns credits in millionths, as an engine stores them, so that sums are
// exact. Negative ones are 0.
func Microcredits(credits float64) int64 {
	return int64(min(max(math.Round(credits*1e6), 0), MaxUsed))
}

// Credits is the reverse of Microcredits.
func Credits(microcredits int64) float64 { return float64(microcredits) / 1e6 }
