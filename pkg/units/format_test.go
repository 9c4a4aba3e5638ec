package units

import (
	"testing"
	"time"
)

func TestADurationIsFormattedAsItIsWritten(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"20m": 20 * time.Minute, "1h30m": 90 * time.Minute, "2h": 2 * time.Hour, "10s": 10 * time.Second, "0s": 0,
		"1m30s": 90 * time.Second, "500ms": 500 * time.Millisecond, "1h0m5s": time.Hour + 5*time.Second, "48h": 48 * time.Hour,
	} {
		if got := Format(d); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if back, err := ParseDuration(want); err != nil || back != d {
			t.Errorf("%s is read as %s, %v", want, back, err)
		}
	}
}
