package ui

import (
	"strconv"
	"time"

	"github.com/narada-cli/narada/pkg/units"
)

// chart is a picture of bars, 1000 wide and 100 high.
type chart struct {
	Title    string
	Bars     []bar
	Max      string // the height of the picture
	From, To string // names of the first and the last bar
	Legend   bool   // bars have two parts
}

// bar is a bar of a chart: what succeeded, and above it what did not.
type bar struct {
	Label     string
	Text      string // what it shows
	Good, Bad float64

	X, W         float64
	GoodY, GoodH float64
	BadY, BadH   float64
}

// count sets what the bar shows to numbers of tasks.
func (b *bar) count(good, bad int) {
	b.Good, b.Bad = float64(good), float64(bad)
	b.Text = strconv.Itoa(good) + " succeeded, " + strconv.Itoa(bad) + " did not"
}

// minBars is how many bars the picture has room for at least.
const minBars = 24

// newChart returns the chart of the bars, nil for none; text formats a height.
func newChart(title string, bars []bar, text func(float64) string) *chart {
	if len(bars) == 0 {
		return nil
	}
	highest := 0.0
	for _, b := range bars {
		highest = max(highest, b.Good+b.Bad)
	}
	c := &chart{Title: title, Bars: bars, Max: text(highest), From: bars[0].Label, To: bars[len(bars)-1].Label}
	switch {
	case len(bars) == 1:
		c.To = ""
	case len(bars) < minBars: // they end before the end of the picture
		c.From, c.To = c.From+" to "+c.To, ""
	}
	if highest == 0 {
		highest = 1
	}
	step := 1000 / float64(max(len(bars), minBars))
	for i := range bars {
		b := &bars[i]
		b.X, b.W = step*float64(i)+step*0.1, step*0.8
		b.GoodH, b.BadH = 100*b.Good/highest, 100*b.Bad/highest
		b.GoodY = 100 - b.GoodH
		b.BadY = b.GoodY - b.BadH
	}
	return c
}

// counted returns what formats a height that is a number of things.
func counted(noun string) func(float64) string {
	return func(n float64) string { return units.Count(n, noun) }
}

// sinceOf returns the time that the text names, as --since does; "all" is the zero time.
func sinceOf(text string, now time.Time) (time.Time, error) {
	if text == "all" {
		return time.Time{}, nil
	}
	return units.ParseTime(text, now)
}
