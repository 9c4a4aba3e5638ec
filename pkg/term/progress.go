package term

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/schollz/progressbar/v3"
)

// barWidth is how many columns the bar itself has.
const barWidth = 16

// Progress shows how much of something has been done. Its methods are safe for
// use by several goroutines at once.
type Progress struct {
	total int64
	done  atomic.Int64
	bar   *progressbar.ProgressBar // drawn with the Talk's lock held
	end   func()
}

// Progress shows how many of total bytes have been transferred, until Stop is
// called: on a terminal a bar, else a line every 30 s. It stands where Wait's
// spinner would.
func (t *Talk) Progress(event, label string, total int64) *Progress {
	p := &Progress{total: total, bar: progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(io.Discard), // the Talk writes
		progressbar.OptionSetWidth(barWidth),
		progressbar.OptionShowBytes(true), progressbar.OptionShowTotalBytes(true), progressbar.OptionUseIECUnits(true), progressbar.OptionShowCount(),
	)}
	p.end = t.Show(event, label, p)
	return p
}

// Add notes that n more bytes were transferred.
func (p *Progress) Add(n int) { p.done.Add(int64(n)) }

// Restart notes that the transfer begins anew.
func (p *Progress) Restart() { p.done.Store(0) }

// Stop takes the bar away.
func (p *Progress) Stop() { p.end() }

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
func Bytes(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, name := float64(n)/unit, "KiB"
	for _, next := range []string{"MiB", "GiB", "TiB"} {
		if value < unit {
			break
		}
		value, name = value/unit, next
	}
	return fmt.Sprintf("%.1f %s", value, name)
}
