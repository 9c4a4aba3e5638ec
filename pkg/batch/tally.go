package batch

import (
	"maps"
	"slices"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
)

// The limits of what a Tally names.
const (
	mostSlowest = 5
	mostFailed  = 10
)

// Tally is how a batch stands.
type Tally struct {
	Total    int
	Earlier  int // lines that ended in earlier runs
	Ended    int // lines that ended, in this run and before
	InFlight int
	Counts   map[string]int // ended ones, by what the output calls their status; misfit too

	Failures   int       // lines of this run that did not succeed
	Worst      []Outcome // the first ones that did not succeed, in short
	Unfinished int       // lines that still run, or may

	Actions int
	Credits float64
	Slowest []Timed

	Start time.Time
}

// Timed is a task and the time that it ran.
type Timed struct {
	Line      int
	ID        string
	RequestID string
	Took      time.Duration
}

// Misfit is what a Tally counts a success as whose data are not what was asked for.
const Misfit = "misfit"

func newTally(total int) *Tally {
	return &Tally{Total: total, Counts: map[string]int{}, Start: time.Now()}
}

func (t *Tally) snapshot() Tally {
	s := *t
	s.Counts, s.Worst, s.Slowest = maps.Clone(t.Counts), slices.Clone(t.Worst), slices.Clone(t.Slowest)
	return s
}

// earlier counts a line that ended in an earlier run.
func (t *Tally) earlier(o Outcome) {
	t.Earlier++
	t.count(o)
}

// came counts a line that came out now.
func (t *Tally) came(o Outcome) {
	if !o.Succeeded() {
		t.Failures++
	}
	t.count(o)
}

func (t *Tally) count(o Outcome) {
	t.Ended++
	name := string(o.StatusName())
	if len(o.Misfit) > 0 {
		name = Misfit
	}
	t.Counts[name]++
	if !o.Succeeded() && len(t.Worst) < mostFailed {
		short := o
		short.Result, short.Object, short.Prompt = nil, nil, ""
		t.Worst = append(t.Worst, short)
	}
	if o.Result == nil {
		return
	}
	if u := o.Result.Usage; u != nil {
		t.Actions += u.Actions
		t.Credits += u.Credits
	}
	t.time(o)
}

func (t *Tally) time(o Outcome) {
	one := Timed{Line: o.Line.Number, ID: o.ID, RequestID: o.RequestID, Took: o.Result.Duration()}
	at := len(t.Slowest)
	for at > 0 && t.Slowest[at-1].Took < one.Took {
		at--
	}
	if at == mostSlowest {
		return
	}
	t.Slowest = slices.Insert(t.Slowest, at, one)
	t.Slowest = t.Slowest[:min(len(t.Slowest), mostSlowest)]
}

// Succeeded is how many of the lines that ended did.
func (t Tally) Succeeded() int { return t.Counts[string(narada.StatusSuccess)] }

// Failed is how many did not.
func (t Tally) Failed() int { return t.Ended - t.Succeeded() }

// Rate is how many lines a second ended in this run.
func (t Tally) Rate(now time.Time) float64 {
	seconds := now.Sub(t.Start).Seconds()
	if seconds <= 0 {
		return 0
	}
	return float64(t.Ended-t.Earlier) / seconds
}

// Left is the time that the rest takes at this rate; 0: there is no telling.
func (t Tally) Left(now time.Time) time.Duration {
	rate := t.Rate(now)
	if rate == 0 {
		return 0
	}
	return time.Duration(float64(t.Total-t.Ended) / rate * float64(time.Second))
}
