package ui

import (
	"time"

	"github.com/narada-cli/narada/pkg/units"
)

// bar is a bar of a chart that is 1000 wide and 100 high: what succeeded, and above it what
// did not.
type bar struct {
	At        time.Time
	Label     string
	Good, Bad float64

	X, W         float64
	GoodY, GoodH float64
	BadY, BadH   float64
}

// layOut sets the places of the bars.
func layOut(bars []bar) {
	highest := 1.0
	for _, b := range bars {
		highest = max(highest, b.Good+b.Bad)
	}
	step := 1000 / float64(max(len(bars), 12))
	for i := range bars {
		b := &bars[i]
		b.X, b.W = step*float64(i)+step*0.1, step*0.8
		b.GoodH, b.BadH = 100*b.Good/highest, 100*b.Bad/highest
		b.GoodY = 100 - b.GoodH
		b.BadY = b.GoodY - b.BadH
	}
}

// sinceOf returns the time that the text names, as --since does; "all" is the zero time.
func sinceOf(text string, now time.Time) (time.Time, error) {
	if text == "all" {
		return time.Time{}, nil
	}
	return units.ParseTime(text, now)
}
