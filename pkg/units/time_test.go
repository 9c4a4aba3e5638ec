package units

import (
	"testing"
	"time"
)

func TestParseTimeReadsDurationsAndDates(t *testing.T) {
	now := time.Date(2026, 2, 1, 12, 0, 0, 0, time.Local)
	for text, want := range map[string]time.Time{
		"90m":                  now.Add(-90 * time.Minute),
		"7d":                   now.AddDate(0, 0, -7),
		"2026-01-31":           time.Date(2026, 1, 31, 0, 0, 0, 0, time.Local),
		"2026-01-31 09:30":     time.Date(2026, 1, 31, 9, 30, 0, 0, time.Local),
		"2026-01-31T09:30:05":  time.Date(2026, 1, 31, 9, 30, 5, 0, time.Local),
		"2026-01-31T09:30:05Z": time.Date(2026, 1, 31, 9, 30, 5, 0, time.UTC),
	} {
		if got, err := ParseTime(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "soon", "-1h", "90", "2026-13-01"} {
		if got, err := ParseTime(text, now); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}
