package units

import (
	"strings"
	"time"
)

// Format formats a duration as it is written: 20m, 1h30m, 500ms.
func Format(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}
