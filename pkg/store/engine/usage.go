package engine

import (
	"fmt"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

// UsageRow is a row of UsageQuery.
type UsageRow struct {
	Name                         string
	Span                         int64 // since 1970
	Status                       narada.Status
	Count, Actions, Microcredits int64
}

// UsageQuery returns what selects UsageRows by their name or span. at is the expression for
// the milliseconds since 1970 of the dispatch; from has the tasks t and the batches b.
func UsageQuery(by store.UsageBy, at string) string {
	name, span := "''", "0"
	switch by {
	case store.UsageByTime:
		span = fmt.Sprint(at, " / ", store.UsageSpan.Milliseconds())
	case store.UsageByAgent:
		name = "coalesce(t.agent, '')"
	case store.UsageByBatch:
		name = "coalesce(b.name, '')"
	}
	return "SELECT " + name + ", " + span + ", t.status, count(*), CAST(sum(t.actions) AS bigint), CAST(sum(t.microcredits) AS bigint)"
}

// Usage merges rows that differ in their status only and follow each other.
func Usage(rows []UsageRow) []store.Usage { return merged(rows, store.UsageSpan) }

// merged is Usage for spans of that length.
func merged(rows []UsageRow, span time.Duration) (list []store.Usage) {
	for i, row := range rows {
		if i == 0 || row.Name != rows[i-1].Name || row.Span != rows[i-1].Span {
			list = append(list, store.Usage{Name: row.Name, At: time.UnixMilli(row.Span * span.Milliseconds()).UTC(), Tasks: store.Tally{}})
		}
		u := &list[len(list)-1]
		u.Tasks[row.Status] += int(row.Count)
		u.Actions += row.Actions
		u.Credits = store.Credits(store.Microcredits(u.Credits) + row.Microcredits)
	}
	return list
}

// Pace is Usage for spans of that length, without names.
func Pace(rows []UsageRow, span time.Duration) (list []store.Pace) {
	for _, u := range merged(rows, span) {
		list = append(list, store.Pace{At: u.At, Lines: u.Tasks, Credits: u.Credits})
	}
	return list
}
