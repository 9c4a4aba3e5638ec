package term

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/schollz/progressbar/v3"

	"github.com/narada-cli/narada/pkg/units"
)

// newBar returns a bar of 16 columns, which a Screen draws.
func newBar(total int64, options ...progressbar.Option) *progressbar.ProgressBar {
	return progressbar.NewOptions64(total, append(options,
		progressbar.OptionSetWriter(io.Discard), progressbar.OptionSetWidth(16), progressbar.OptionShowCount())...)
}

func drawn(bar *progressbar.ProgressBar, done int64) string {
	_ = bar.Set64(done) // done is never more than the total
	return strings.TrimSpace(bar.String())
}

// Meter shows the progress of an operation. The zero value shows none.
type Meter struct {
	Draw func() string // one line for a terminal
	Text func() string // where there is no terminal or no room
}

// TextMeter returns a Meter without a bar.
func TextMeter(text func() string) Meter { return Meter{text, text} }

// Count is the progress of things that are counted.
type Count struct {
	Done, Total int
	Note        string // such as "2 failed"
}

// CountMeter returns a Meter of the Count that snapshot returns, for one goroutine.
func CountMeter(snapshot func() Count) Meter {
	var bar *progressbar.ProgressBar
	draw := func() string {
		c := snapshot()
		if bar == nil {
			bar = newBar(int64(c.Total), progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false))
		}
		return drawn(bar, int64(min(c.Done, c.Total))) + ", " + c.Note
	}
	return Meter{draw, func() string {
		c := snapshot()
		return fmt.Sprintf("%d of %d done, %s", c.Done, c.Total, c.Note)
	}}
}

// Progress is the progress of a transfer, which is shown until Stop. Add and Restart are safe
// for concurrent use.
type Progress struct {
	done atomic.Int64
	Stop func()
}

// newProgress returns the progress of a transfer of total bytes, and shows it with show.
func newProgress(total int64, show func(Meter) (stop func())) *Progress {
	p := &Progress{}
	bar := newBar(total, progressbar.OptionShowBytes(true), progressbar.OptionShowTotalBytes(true), progressbar.OptionUseIECUnits(true))
	p.Stop = show(Meter{
		Draw: func() string { return drawn(bar, min(p.done.Load(), total)) },
		Text: func() string { return fmt.Sprintf("%d %% of %s", p.done.Load()*100/max(total, 1), units.Size(total)) },
	})
	return p
}

// Add adds n transferred bytes.
func (p *Progress) Add(n int) { p.done.Add(int64(n)) }

// Restart resets the progress to 0.
func (p *Progress) Restart() { p.done.Store(0) }
