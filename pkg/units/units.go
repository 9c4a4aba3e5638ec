// Package units parses and formats durations and sizes.
//
// A duration is as in Go, with the units d (24 hours) and w (7 days) too: 90s, 1h30m, 7d,
// 2w. A size is a number with a unit: 500B, 32MiB, 32MB. Zero needs no unit.
//
// The package is private to narada.
package units

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
)

const day = 24 * time.Hour

// SyntaxError is an invalid duration or size.
type SyntaxError struct {
	Text   string
	Kind   string // "duration" or "size"
	Advice string // how it is written
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%q is not a %s: %s", e.Text, e.Kind, e.Advice)
}

// ParseDuration parses a duration of up to about 290 years. It may be negative. The error
// is a *SyntaxError.
func ParseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(longUnits().ReplaceAllStringFunc(text, inHours))
	if err == nil {
		return d, nil
	}
	advice := "write it as 90s, 20m, 1h30m or 7d"
	if isNumber(text) {
		advice = fmt.Sprintf("the unit is missing, as in %ss, %[1]sm or %[1]sh", text)
	}
	return 0, &SyntaxError{Text: text, Kind: "duration", Advice: advice}
}

// isNumber reports whether text has no unit.
func isNumber(text string) bool { return text != "" && strings.Trim(text, "+-.0123456789") == "" }

func longUnits() *regexp.Regexp { return regexp.MustCompile(`[0-9.]+[dw]`) }

// inHours converts days or weeks to hours. It returns an invalid number unchanged.
func inHours(text string) string {
	hours := map[byte]float64{'d': 24, 'w': 7 * 24}[text[len(text)-1]]
	n, err := strconv.ParseFloat(text[:len(text)-1], 64)
	if err != nil {
		return text
	}
	return strconv.FormatFloat(n*hours, 'f', -1, 64) + "h"
}

// Round rounds a duration for display.
func Round(d time.Duration) time.Duration {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond)
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}

// Age formats a duration in its largest unit: 45s, 3m, 2h, 5d. A negative one is 0s.
func Age(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 2*day:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dd", d/day)
}

// ParseSize parses a number of bytes, which is not negative. The error is a *SyntaxError.
func ParseSize(text string) (int64, error) {
	n, err := humanize.ParseBytes(strings.TrimSpace(text))
	advice := "write it as 500KB, 32MiB or 1GiB"
	if n > 0 && isNumber(text) {
		advice = fmt.Sprintf("the unit is missing, as in %sB, %[1]sKiB or %[1]sMiB", text)
	} else if err == nil && n <= math.MaxInt64 {
		return int64(n), nil
	}
	return 0, &SyntaxError{Text: text, Kind: "size", Advice: advice}
}

// Size formats a number of bytes: 512 B, 1.5 KiB, 32 MiB. A negative one is 0 B.
func Size(bytes int64) string { return humanize.IBytes(uint64(max(bytes, 0))) }

// Credits formats credits without trailing zeros.
func Credits(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// Shorten returns the first characters of a text, at most that many and then an ellipsis, and
// how many more it has.
func Shorten(text string, characters int) (start string, more int) {
	if more = utf8.RuneCountInString(text) - characters; more <= 0 {
		return text, 0
	}
	return string([]rune(text)[:characters]) + "…", more
}
