package history

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/units"
)

// Pruner knows what is deleted within limits. *sqlite.Store implements it.
type Pruner interface {
	Prunable(ctx context.Context, limits store.Limits) (store.Prunable, error)
	Size() int64 // bytes
}

// Preview returns what is deleted within the limits, and lines for a person: what depends on
// it, or without limits what some limits would delete at that time.
func Preview(ctx context.Context, p Pruner, limits store.Limits, now time.Time) (found store.Prunable, lines []string, err error) {
	if limits.Keep == 0 && limits.Before.IsZero() {
		lines, err = examples(ctx, p, now)
		return found, lines, err
	}
	found, err = p.Prunable(ctx, limits)
	return found, consequences(found), err
}

// Deleted says what is deleted, as "812 tasks, 3 of them unfinished".
func Deleted(p store.Prunable) string {
	text := units.Count(p.Tasks, "task")
	if p.Open > 0 {
		text += fmt.Sprintf(", %d of them unfinished", p.Open)
	}
	if p.Waiting > 0 {
		text += ", with " + units.Count(p.Waiting, "callback") + " not forwarded yet"
	}
	return text
}

// maxNames is the number of batches that are named.
const maxNames = 5

// consequences says what depends on the tasks that are deleted, and what is kept, in a line
// each.
func consequences(p store.Prunable) (lines []string) {
	if n := len(p.Batches); n > 0 {
		names := strings.Join(p.Batches[:min(n, maxNames)], ", ")
		if n > maxNames {
			names += fmt.Sprintf(" and %d more", n-maxNames)
		}
		lines = append(lines, "batches that lose answers: "+names+"; their lines stay known, and are not sent again without narada batch run --restart")
	}
	if p.Kept > 0 {
		lines = append(lines, "kept: "+units.Count(p.Kept, "task")+", unfinished or with a callback to be forwarded; --open deletes them too")
	}
	return lines
}

// examples says how large the ledger is, and what the flags of prune would delete at that
// time, in a line each.
func examples(ctx context.Context, p Pruner, now time.Time) (lines []string, err error) {
	for _, example := range []struct {
		text   string
		limits store.Limits
	}{
		{"in the ledger: %s", store.Limits{Before: now.AddDate(100, 0, 0), Open: true}},
		{"--older-than 30d would delete %s", store.Limits{Before: now.Add(-30 * 24 * time.Hour)}},
		{"--keep 1000 would delete %s", store.Limits{Keep: 1000}},
		{"both would delete %s", store.Limits{Keep: 1000, Before: now.Add(-30 * 24 * time.Hour)}},
	} {
		found, err := p.Prunable(ctx, example.limits)
		if err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprintf(example.text, Deleted(found)))
	}
	return append(lines, "ledger size: "+units.Size(p.Size())), nil
}
