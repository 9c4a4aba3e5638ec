package term

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/schollz/progressbar/v3"

	"github.com/narada-cli/narada/pkg/units"
)

// newBar makes a bar of 16 columns that a Screen writes.
func newBar(total int64, options ...progressbar.Option) *progressbar.ProgressBar {
	return progressbar.NewOptions64(total, append(options,
		progressbar.OptionSetWriter(io.Discard), progressbar.OptionSetWidth(16), progressbar.OptionShowCount())...)
}

func drawn(bar *progressbar.ProgressBar, done int64) string {
	_ = bar.Set64(done) // fails for no writer only, and for more than the total
	return strings.TrimSpace(bar.String())
}

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
		m.bar = newBar(int64(c.Total), progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false))
	}
	return drawn(m.bar, int64(min(c.Done, c.Total))) + ", " + c.Note
}

// Text implements Meter.
func (m *CountMeter) Text() string {
	c := m.snapshot()
	return fmt.Sprintf("%d of %d done, %s", c.Done, c.Total, c.Note)
}

// Progress is a Meter of how many bytes of something have been transferred. Its methods
// are safe for use by several goroutines at once.
type Progress struct {
	total int64
	done  atomic.Int64
	bar   *progressbar.ProgressBar // Draw's
	stop  func()
}

// NewProgress returns the progress of a transfer of so many bytes. show shows it until
// the function that it returns is called.
func NewProgress(total int64, show func(Meter) (stop func())) *Progress {
	p := &Progress{total: total, bar: newBar(total, progressbar.OptionShowBytes(true), progressbar.OptionShowTotalBytes(true), progressbar.OptionUseIECUnits(true))}
	p.stop = show(p)
	return p
}

// Add notes that n more bytes were transferred.
func (p *Progress) Add(n int) { p.done.Add(int64(n)) }

// Restart notes that the transfer begins anew.
func (p *Progress) Restart() { p.done.Store(0) }

// Stop ends the showing.
func (p *Progress) Stop() { p.stop() }

// Draw implements Meter: the bar as it stands now.
func (p *Progress) Draw() string {
	return drawn(p.bar, min(p.done.Load(), p.total))
}

// Text implements Meter.
func (p *Progress) Text() string {
	return fmt.Sprintf("%d %% of %s", p.done.Load()*100/max(p.total, 1), units.Size(p.total))
}
