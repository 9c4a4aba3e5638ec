package units

import (
	"fmt"
	"time"
)

// ParseTime reads a point in time: a duration before now, as 24h or 7d, or a date, as
// 2026-01-31.
func ParseTime(text string, now time.Time) (time.Time, error) {
	if d, err := ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a duration (90m, 24h, 7d) nor a date (2026-01-31)", text)
}
