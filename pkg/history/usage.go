package history

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/narada-cli/narada/pkg/store"
)

// User has the method of a ledger that counts what tasks used.
type User interface {
	Usage(ctx context.Context, since time.Time, by store.UsageBy) ([]store.Usage, error)
}

// UsageBy is what Usage is counted by.
type UsageBy string

// What usage can be counted by.
const (
	ByDay   UsageBy = "day" // of a time zone
	ByAgent UsageBy = "agent"
	ByBatch UsageBy = "batch"
)

// Usage returns what tasks used that were dispatched since: by day the oldest first, with
// At as the day's begin in the zone; else by credits, the most first. Days without a task
// are left out.
func Usage(ctx context.Context, u User, since time.Time, by UsageBy, zone *time.Location) ([]store.Usage, error) {
	switch by {
	case ByAgent, ByBatch:
		list, err := u.Usage(ctx, since, store.UsageBy(by))
		slices.SortStableFunc(list, func(a, b store.Usage) int {
			return cmp.Or(cmp.Compare(b.Credits, a.Credits), cmp.Compare(b.Tasks.Sent(), a.Tasks.Sent()))
		})
		return list, err
	}
	spans, err := u.Usage(ctx, since, store.UsageByTime)
	var days []store.Usage
	for _, span := range spans {
		year, month, day := span.At.In(zone).Date()
		span.At = time.Date(year, month, day, 0, 0, 0, 0, zone)
		if n := len(days); n > 0 && days[n-1].At.Equal(span.At) {
			days[n-1] = Sum(days[n-1], span)
			continue
		}
		days = append(days, span)
	}
	return days, err
}

// Sum returns what all of them used, with the name and time of the first.
func Sum(list ...store.Usage) (sum store.Usage) {
	sum.Tasks = store.Tally{}
	var microcredits int64
	for i, u := range list {
		if i == 0 {
			sum.Name, sum.At = u.Name, u.At
		}
		for status, count := range u.Tasks {
			sum.Tasks[status] += count
		}
		sum.Actions += u.Actions
		microcredits += store.Microcredits(u.Credits)
	}
	sum.Credits = store.Credits(microcredits)
	return sum
}

// UsageDocument is a store.Usage as JSON, with the member day, agent or batch.
type UsageDocument struct {
	By    UsageBy
	Usage store.Usage
}

// MarshalJSON implements json.Marshaler.
func (d UsageDocument) MarshalJSON() ([]byte, error) {
	doc := struct {
		Day      string      `json:"day,omitempty"`
		Agent    *string     `json:"agent,omitempty"`
		Batch    *string     `json:"batch,omitempty"`
		Tasks    int         `json:"tasks"`
		Statuses store.Tally `json:"statuses"`
		Actions  int64       `json:"actions"`
		Credits  float64     `json:"credits"`
	}{Tasks: d.Usage.Tasks.Sent(), Statuses: d.Usage.Tasks, Actions: d.Usage.Actions, Credits: d.Usage.Credits}
	switch d.By {
	case ByAgent:
		doc.Agent = &d.Usage.Name
	case ByBatch:
		doc.Batch = &d.Usage.Name
	default:
		doc.Day = d.Usage.At.Format(time.DateOnly)
	}
	return json.Marshal(doc)
}
