package batch

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseRate reads a number of tasks per second, minute or hour, as 5/s, 30/m or 100/h.
// It returns tasks per second.
func ParseRate(text string) (float64, error) {
	count, unit, _ := strings.Cut(text, "/")
	seconds, ok := map[string]float64{"": 1, "s": 1, "m": 60, "h": 3600}[unit]
	n, err := strconv.ParseFloat(count, 64)
	if err != nil || !ok || !(n > 0) || n > 1e6 {
		return 0, fmt.Errorf("invalid rate %q: write it as 5/s, 30/m or 100/h", text)
	}
	return n / seconds, nil
}
