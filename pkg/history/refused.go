package history

import (
	"context"
	"fmt"
	"time"

	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/units"
)

// Refuser knows the callbacks that listeners refused: those to paths without a task.
// *sqlite.Store implements it.
type Refuser interface {
	RecentRefusals(ctx context.Context, limit int) ([]store.Refusal, error)
}

// RefusedSince returns up to limit callbacks that listeners refused since then, the newest
// first. limit 0 is no limit.
func RefusedSince(ctx context.Context, r Refuser, since time.Time, limit int) ([]store.Refusal, error) {
	if limit == 0 {
		limit = store.MaxOtherRefusals
	}
	list, err := r.RecentRefusals(ctx, limit)
	for i, refused := range list {
		if refused.ReceivedAt.Before(since) {
			return list[:i], err
		}
	}
	return list, err
}

// RefusedText says how many callbacks listeners refused, and why the newest, "" for none.
func RefusedText(list []store.Refusal, now time.Time) string {
	if len(list) == 0 {
		return ""
	}
	newest := list[0]
	return fmt.Sprintf("%s refused at listeners, the newest %s ago with %d: %s",
		units.Count(len(list), "callback"), units.Age(now.Sub(newest.ReceivedAt)), newest.StatusCode, newest.Reason)
}
