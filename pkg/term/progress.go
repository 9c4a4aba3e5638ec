package term

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"
)

// barWidth is how many columns the bar itself has.
const barWidth = 16

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
	p := &Progress{total: total, bar: progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(io.Discard), // the Screen writes
		progressbar.OptionSetWidth(barWidth),
		progressbar.OptionShowBytes(true), progressbar.OptionShowTotalBytes(true), progressbar.OptionUseIECUnits(true), progressbar.OptionShowCount(),
	)}
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
	if err := p.bar.Set64(min(p.done.Load(), p.total)); err != nil {
		return p.Text() // a bar that cannot be drawn
	}
	return strings.TrimSpace(p.bar.String())
}

// Text implements Meter.
func (p *Progress) Text() string {
	return fmt.Sprintf("%d %% of %s", p.done.Load()*100/max(p.total, 1), Bytes(p.total))
}

// Bytes words a number of bytes for people, as 1.5 MiB.
func Bytes(n int64) string { return humanize.IBytes(uint64(n)) }
