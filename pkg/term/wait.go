package term

import (
	"fmt"
	"io"
	"log/slog"
	"time"
	"unicode/utf8"

	"github.com/fatih/color"
)

const (
	clearLine  = "\r\x1b[K"
	frameTime  = 120 * time.Millisecond
	signOfLife = 30 * time.Second
	leastLabel = 16 // columns; where a bar leaves fewer, words do
)

// wait is a spinner on the last line of a terminal, or off one a line of life
// from time to time.
type wait struct {
	talk  *Talk
	label string
	meter Meter // nil: how far it is, nobody knows
	start time.Time
	frame int
	stop  chan struct{}
	done  chan struct{}
}

// Meter tells how far something is.
type Meter interface {
	Draw() string // for a terminal, on one line
	Text() string // in words, where there is no terminal or no room
}

// Wait shows that the program waits, until the function it returns is called:
// on a terminal a spinner with the elapsed time, else a line every 30 s. A Talk
// waits for one thing at a time. Quiet shows nothing.
func (t *Talk) Wait(event, label string) (stop func()) { return t.Show(event, label, nil) }

// Show is Wait, and tells how far it is.
func (t *Talk) Show(event, label string, m Meter) (stop func()) {
	if t.options.Level <= Quiet {
		return func() {}
	}
	w := &wait{talk: t, label: label, meter: m, start: t.options.Now(), stop: make(chan struct{}), done: make(chan struct{})}
	spinner := t.options.Spinner && !t.options.JSON
	if spinner {
		t.mu.Lock()
		t.wait = w
		w.draw()
		t.mu.Unlock()
		go w.spin()
	} else {
		go w.signs(event)
	}
	return func() {
		close(w.stop)
		<-w.done
		if spinner {
			t.mu.Lock()
			t.wait = nil
			_, _ = io.WriteString(t.w, clearLine)
			t.mu.Unlock()
		}
	}
}

func (w *wait) spin() {
	w.every(frameTime, func() {
		w.talk.mu.Lock()
		defer w.talk.mu.Unlock()
		w.frame++
		w.draw()
	})
}

func (w *wait) signs(event string) {
	w.every(signOfLife, func() {
		elapsed := w.elapsed()
		text := "still " + w.label
		if w.meter != nil {
			text += ": " + w.meter.Text()
		}
		w.talk.Info(event, fmt.Sprintf("%s (%s)", text, elapsed), slog.Any("elapsed", elapsed.Seconds()))
	})
}

// every calls f again and again until the wait is stopped.
func (w *wait) every(pause time.Duration, f func()) {
	defer close(w.done)
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-tick.C:
			f()
		}
	}
}

// draw is called with the Talk's lock held.
func (w *wait) draw() {
	frames := []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}
	c := color.New(color.FgCyan)
	c.DisableColor()
	if w.talk.options.Color {
		c.EnableColor()
	}
	state := w.elapsed().String()
	if w.meter != nil {
		if state = w.meter.Draw(); utf8.RuneCountInString(state) > w.talk.options.Width()-leastLabel {
			state = w.meter.Text()
		}
	}
	// A line that wraps could not be cleared.
	label := []rune(OneLine(w.label))
	if room := w.talk.options.Width() - utf8.RuneCountInString(state) - 4; len(label) > room {
		label = append(label[:max(room-1, 0)], '…')
	}
	_, _ = fmt.Fprintf(w.talk.w, "%s%s %s %s", clearLine, c.Sprint(frames[w.frame%len(frames)]), string(label), state)
}

func (w *wait) elapsed() time.Duration {
	return w.talk.options.Now().Sub(w.start).Truncate(time.Second)
}
