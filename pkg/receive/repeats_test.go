package receive

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWhatRepeatsIsReportedOnceAMinute(t *testing.T) {
	var r repeats
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var got []string
	for _, step := range []struct {
		after  time.Duration
		reason string
	}{
		{0, "a"}, {1 * time.Second, "a"}, {2 * time.Second, "b"}, {59 * time.Second, "a"}, {60 * time.Second, "a"},
		{61 * time.Second, "b"}, {62 * time.Second, "b"}, {10 * time.Minute, "a"},
	} {
		if times := r.note(step.reason, now.Add(step.after)); times > 0 {
			got = append(got, fmt.Sprintf("%v %s %d", step.after, step.reason, times))
		}
	}
	if diff := cmp.Diff([]string{"0s a 1", "2s b 1", "1m0s a 3", "1m2s b 2", "10m0s a 1"}, got); diff != "" {
		t.Error(diff)
	}
	for i := range 3 * maxReasons {
		r.note(fmt.Sprint(i), now)
	}
	if len(r.seen) > maxReasons {
		t.Errorf("%d reasons are remembered", len(r.seen))
	}
}
