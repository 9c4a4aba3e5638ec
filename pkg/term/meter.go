package term

import (
	"fmt"
	"io"
	"strings"

	"github.com/schollz/progressbar/v3"
)

// Count is how many of a number of things are done.
type Count struct {
	Done, Total int
	Note        string // what else there is to say, as "2 failed"
}

// CountMeter is a Meter of things that are counted.
type CountMeter struct {
	snapshot func() Count
	bar      *progressbar.ProgressBar // drawn with the Talk's lock held
}

// NewCountMeter returns a meter that shows what snapshot returns. Its methods are
// called by one goroutine at a time.
func NewCountMeter(snapshot func() Count) *CountMeter { return &CountMeter{snapshot: snapshot} }

// Draw implements Meter: the bar as it stands now.
func (m *CountMeter) Draw() string {
	c := m.snapshot()
	if m.bar == nil {
		m.bar = progressbar.NewOptions(c.Total, progressbar.OptionSetWriter(io.Discard), progressbar.OptionSetWidth(barWidth),
			progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false))
	}
	if err := m.bar.Set(min(c.Done, c.Total)); err != nil {
		return m.Text() // a bar that cannot be drawn
	}
	return strings.TrimSpace(m.bar.String()) + ", " + c.Note
}

// Text implements Meter.
func (m *CountMeter) Text() string {
	c := m.snapshot()
	return fmt.Sprintf("%d of %d done, %s", c.Done, c.Total, c.Note)
}
