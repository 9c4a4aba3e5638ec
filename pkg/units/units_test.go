package units

import (
	"math"
	"testing"
	"time"
)

func TestDurationsMayHaveDaysAndWeeks(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "1h30m": 90 * time.Minute, "0s": 0, "0": 0, "-3s": -3 * time.Second, "1.5s": 1500 * time.Millisecond,
		"1d": 24 * time.Hour, "1.5d": 36 * time.Hour, "2w": 14 * 24 * time.Hour, "1w2d3h": 9*24*time.Hour + 3*time.Hour, "-1d": -24 * time.Hour, ".5d": 12 * time.Hour,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
}

func TestInvalidDurationErrorSaysHowToWriteOne(t *testing.T) {
	for text, want := range map[string]string{
		"":             `"" is not a duration: write it as 90s, 20m, 1h30m or 7d`,
		"soon":         `"soon" is not a duration: write it as 90s, 20m, 1h30m or 7d`,
		"3x":           `"3x" is not a duration: write it as 90s, 20m, 1h30m or 7d`,
		"d":            `"d" is not a duration: write it as 90s, 20m, 1h30m or 7d`,
		"1.2.d":        `"1.2.d" is not a duration: write it as 90s, 20m, 1h30m or 7d`,
		"5dm":          `"5dm" is not a duration: write it as 90s, 20m, 1h30m or 7d`,
		"9999w":        "",
		"1e9d":         `"1e9d" is not a duration: write it as 90s, 20m, 1h30m or 7d`,
		"30":           `"30" is not a duration: the unit is missing, as in 30s, 30m or 30h`,
		"1.5":          `"1.5" is not a duration: the unit is missing, as in 1.5s, 1.5m or 1.5h`,
		"99999999999w": `"99999999999w" is not a duration: write it as 90s, 20m, 1h30m or 7d`,
	} {
		got := ""
		if _, err := ParseDuration(text); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q", text, got)
		}
	}
}

func TestAgeIsInTheLargestUnit(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 45 * time.Second: "45s", 60 * time.Second: "1m", 3*time.Hour - 1: "2h", 47 * time.Hour: "47h", 48 * time.Hour: "2d", 400 * 24 * time.Hour: "400d",
	} {
		if got := Age(d); got != want {
			t.Errorf("%s: %s", d, got)
		}
	}
}

func TestRoundDependsOnTheDuration(t *testing.T) {
	for d, want := range map[time.Duration]time.Duration{
		1234567 * time.Nanosecond: time.Millisecond, 1234 * time.Millisecond: 1200 * time.Millisecond, 12345 * time.Millisecond: 12 * time.Second,
	} {
		if got := Round(d); got != want {
			t.Errorf("%s: %s", d, got)
		}
	}
}

func TestSizesAreParsedAndFormatted(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "4000B": 4000, "1KiB": 1024, "1 kib": 1024, "1.5MiB": 3 << 19, "32MB": 32e6, "2g": 2e9,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "much", "-1", "1 parsec", "20EiB", "."} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%s: %d", text, got)
		}
	}
	if _, err := ParseSize("4000"); err == nil || err.Error() != `"4000" is not a size: the unit is missing, as in 4000B, 4000KiB or 4000MiB` {
		t.Errorf("%v", err)
	}
	for n, want := range map[int64]string{-1: "0 B", 0: "0 B", 512: "512 B", 1536: "1.5 KiB", 32 << 20: "32 MiB", math.MaxInt64: "8.0 EiB"} {
		if got := Size(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}

func TestFlagValuesAreReadAndShown(t *testing.T) {
	var d time.Duration
	f := DurationFlag(&d, 10*time.Second)
	if f.String() != "10s" || f.Set("1d") != nil || d != 24*time.Hour || f.String() != "24h0m0s" || f.Set("x") == nil {
		t.Errorf("%s, %s", f, d)
	}
	if zero := DurationFlag(&d, 0); zero.String() != "0" {
		t.Errorf("%s", zero)
	}
	var n int64
	s := SizeFlag(&n, 32<<20)
	if s.String() != "32 MiB" || s.Set("4000B") != nil || n != 4000 || s.Set("x") == nil {
		t.Errorf("%s, %d", s, n)
	}
}

func TestATextIsShortenedByCharacters(t *testing.T) {
	for _, test := range []struct {
		text  string
		most  int
		start string
		more  int
	}{{"", 2, "", 0}, {"äö", 2, "äö", 0}, {"äöü", 2, "äö…", 1}, {"日本語です", 3, "日本語…", 2}} {
		if start, more := Shorten(test.text, test.most); start != test.start || more != test.more {
			t.Errorf("%q: %q, %d", test.text, start, more)
		}
	}
}
