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

// Count is the progress of things that are counted.
type Count struct {
	Done, Total int
	Note        string // such as "2 failed"
}

// CountMeter is a Meter of a Count.
type CountMeter struct {
	snapshot func() Count
	bar      *progressbar.ProgressBar // used with the Screen's lock held
}

// NewCountMeter returns a meter of the Count that snapshot returns. Its methods are not safe
// for concurrent use.
func NewCountMeter(snapshot func() Count) *CountMeter { return &CountMeter{snapshot: snapshot} }

// Draw implements Meter.
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

// Progress is a Meter of transferred bytes. Add and Restart are safe for concurrent use.
type Progress struct {
	total int64
	done  atomic.Int64
	bar   *progressbar.ProgressBar // used with the Screen's lock held
	stop  func()
}

// NewProgress returns the progress of a transfer of total bytes, and shows it with show
// until Stop.
func NewProgress(total int64, show func(Meter) (stop func())) *Progress {
	p := &Progress{total: total, bar: newBar(total, progressbar.OptionShowBytes(true), progressbar.OptionShowTotalBytes(true), progressbar.OptionUseIECUnits(true))}
	p.stop = show(p)
	return p
}

// Add adds n transferred bytes.
func (p *Progress) Add(n int) { p.done.Add(int64(n)) }

// Restart resets the progress to 0.
func (p *Progress) Restart() { p.done.Store(0) }

// Stop stops showing the progress.
func (p *Progress) Stop() { p.stop() }

// Draw implements Meter.
func (p *Progress) Draw() string {
	return drawn(p.bar, min(p.done.Load(), p.total))
}

// Text implements Meter.
func (p *Progress) Text() string {
	return fmt.Sprintf("%d %% of %s", p.done.Load()*100/max(p.total, 1), units.Size(p.total))
}
