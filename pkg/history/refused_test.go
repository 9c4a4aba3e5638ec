package history

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/store"
)

// refuser has these refusals, the newest first.
type refuser []store.Refusal

func (r refuser) RecentRefusals(_ context.Context, limit int) ([]store.Refusal, error) {
	if r == nil {
		return nil, errRead
	}
	return r[:min(limit, len(r))], nil
}

func TestRefusalsOfListenersAreListedSinceATime(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r := refuser{
		{ReceivedAt: now.Add(-5 * time.Minute), StatusCode: 401, Reason: "wrong secret"},
		{ReceivedAt: now.Add(-1 * time.Hour), StatusCode: 413, Reason: "too large"},
		{ReceivedAt: now.Add(-2 * time.Hour), StatusCode: 401, Reason: "wrong secret"},
	}
	for _, test := range []struct {
		since       time.Time
		limit, want int
		text        string
	}{
		{time.Time{}, 0, 3, "3 callbacks refused at listeners, the newest 5m ago with 401: wrong secret"},
		{time.Time{}, 2, 2, "2 callbacks refused at listeners, the newest 5m ago with 401: wrong secret"},
		{now.Add(-time.Hour), 0, 2, "2 callbacks refused at listeners, the newest 5m ago with 401: wrong secret"},
		{now.Add(-10 * time.Minute), 0, 1, "1 callback refused at listeners, the newest 5m ago with 401: wrong secret"},
		{now, 0, 0, ""},
	} {
		list, err := RefusedSince(t.Context(), r, test.since, test.limit)
		if len(list) != test.want || err != nil || RefusedText(list, now) != test.text {
			t.Errorf("%+v: got %+v, %v, %s", test, list, err, RefusedText(list, now))
		}
	}
	if _, err := RefusedSince(t.Context(), refuser(nil), now, 0); !errors.Is(err, errRead) {
		t.Errorf("got %v", err)
	}
}
