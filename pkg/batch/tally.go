package batch

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// The lengths of the lists in a Tally.
const (
	maxSlowest = 5
	maxFailed  = 10
)

// Tally counts the lines of a batch.
type Tally struct {
	Total     int
	Sent      int // lines that this run has sent, without those in flight
	Earlier   int // lines that an earlier run has sent, and this one not again
	Recovered int // lines that ended in earlier runs, or that they left unknown
	Ended     int // lines that ended, in earlier runs too
	InFlight  int // without Unknown
	Unknown   int // lines that may have been accepted by an earlier run, and are awaited

	Counts map[narada.Status]int // of those that ended; with StatusMismatch

	Failures    int       // lines that failed in this run
	FirstFailed []Outcome // without results, but with the reasons
	Unfinished  int       // lines whose tasks are or may be running

	Actions int
	Credits float64
	Slowest []TaskTime

	Start time.Time
}

// TaskTime is the duration of a line's task.
type TaskTime struct {
	Line Line
	Took time.Duration
}

func newTally(total int) *Tally {
	return &Tally{Total: total, Counts: map[narada.Status]int{}, Start: time.Now()}
}

func (t *Tally) snapshot() Tally {
	s := *t
	s.Counts, s.FirstFailed, s.Slowest = maps.Clone(t.Counts), slices.Clone(t.FirstFailed), slices.Clone(t.Slowest)
	return s
}

// add counts a line that ended, in an earlier run or in this one. visible masks secrets.
func (t *Tally) add(o Outcome, earlier bool, visible func(string) string) {
	t.Ended++
	switch {
	case earlier:
		t.Recovered++
	case !o.Succeeded():
		t.Failures++
	}
	status := o.StatusName()
	if !o.Matches() {
		status = StatusMismatch
	}
	t.Counts[status]++
	if !o.Succeeded() && len(t.FirstFailed) < maxFailed {
		t.FirstFailed = append(t.FirstFailed, o.brief(visible))
	}
	if o.Result == nil {
		return
	}
	if u := o.Result.Usage; u != nil {
		t.Actions += u.Actions
		t.Credits += u.Credits
	}
	t.Slowest = append(t.Slowest, TaskTime{o.Line.short(), o.Result.Duration()})
	slices.SortStableFunc(t.Slowest, func(a, b TaskTime) int { return cmp.Compare(b.Took, a.Took) })
	t.Slowest = t.Slowest[:min(len(t.Slowest), maxSlowest)]
}

// Succeeded returns how many of the ended lines succeeded.
func (t Tally) Succeeded() int { return t.Counts[narada.StatusSuccess] }

// Failed returns how many of the ended lines did not succeed.
func (t Tally) Failed() int { return t.Ended - t.Succeeded() }

// Rate returns the lines per second that ended in this run.
func (t Tally) Rate(now time.Time) float64 {
	seconds := now.Sub(t.Start).Seconds()
	if seconds <= 0 {
		return 0
	}
	return float64(t.Ended-t.Recovered) / seconds
}

// Remaining returns the time for the remaining lines at this rate; 0: unknown.
func (t Tally) Remaining(now time.Time) time.Duration {
	rate := t.Rate(now)
	if rate == 0 {
		return 0
	}
	return time.Duration(float64(t.Total-t.Ended) / rate * float64(time.Second))
}
