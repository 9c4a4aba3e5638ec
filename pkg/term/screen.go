package term

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/fatih/color"
	"github.com/rivo/uniseg"
)

const (
	clearLine  = "\r\x1b[K"
	frameTime  = 120 * time.Millisecond
	signOfLife = 30 * time.Second
	minLabel   = 16 // columns; a bar that leaves fewer is replaced by text
)

// Screen is a stream with a status line at its end, on a terminal: a spinner with the
// elapsed time, or a bar, redrawn below everything that is written. It is safe for
// concurrent use.
type Screen struct {
	W       *Writer
	Spinner bool       // W is a terminal that can show a spinner
	Width   func() int // of the terminal, in columns

	mu   sync.Mutex
	wait *wait // nil: no status line
}

// Leave clears the status line, and lets nothing be written any more, so that the program
// can end at any time. It does not wait for a write that has stalled.
func (s *Screen) Leave() {
	for range 10 {
		if s.mu.TryLock() {
			if s.wait != nil {
				_, _ = io.WriteString(s.W.W, clearLine)
			}
			return
		}
		time.Sleep(frameTime / 10)
	}
}

// lines returns a writer of whole lines to W.
func (s *Screen) lines() *Writer {
	return s.W.through(func(w io.Writer, p []byte) (int, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.write(w, p)
	})
}

// write is called with the lock held.
func (s *Screen) write(w io.Writer, p []byte) (int, error) {
	if s.wait != nil {
		_, _ = io.WriteString(s.W.W, clearLine) // a broken stderr cannot be reported
		defer s.wait.draw()
	}
	return w.Write(p)
}

// Over returns a writer of whole lines to w, which may be the same terminal. The status line
// is hidden while it writes.
func (s *Screen) Over(w *Writer) *Writer {
	return w.through(func(w io.Writer, p []byte) (int, error) {
		s.mu.Lock()
		if s.wait == nil { // a stalled w must not block writes to stderr
			s.mu.Unlock()
			return w.Write(p)
		}
		defer s.mu.Unlock()
		return s.write(w, p)
	})
}

// Show shows a status line with the label and the progress of m until stop is called.
// Without a spinner it calls alive every 30 s. A Screen has one status line at a time.
func (s *Screen) Show(label string, m Meter, alive func(text string, elapsed time.Duration)) (stop func()) {
	return s.Follow(func() string { return label }, m, alive)
}

// Follow is Show with a label that changes. It must be safe to call label at any time.
func (s *Screen) Follow(label func() string, m Meter, alive func(text string, elapsed time.Duration)) (stop func()) {
	w := &wait{screen: s, label: label, meter: m, start: time.Now(), stop: make(chan struct{}), done: make(chan struct{})}
	if !s.Spinner {
		go w.every(signOfLife, func() {
			text := "still " + label()
			if m.Text != nil {
				text += ": " + m.Text()
			}
			alive(fmt.Sprintf("%s (%s)", text, w.elapsed()), w.elapsed())
		})
		return w.end
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wait = w
	w.draw()
	go w.every(frameTime, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		w.frame++
		w.draw()
	})
	return func() {
		w.end()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.wait = nil
		_, _ = io.WriteString(s.W.W, clearLine)
	}
}

// wait is a status line.
type wait struct {
	screen *Screen
	label  func() string
	meter  Meter
	start  time.Time
	frame  int
	stop   chan struct{}
	done   chan struct{}
}

// every calls f at an interval until end is called.
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

func (w *wait) end() {
	close(w.stop)
	<-w.done
}

// draw is called with the Screen's lock held. It uses what is the width now.
func (w *wait) draw() {
	frames := []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}
	const indent = 3             // the frame, and the spaces after it and the label
	room := w.screen.Width() - 1 // a full line may wrap, and a wrapped one cannot be cleared
	state := w.elapsed().String()
	if w.meter.Draw != nil {
		if state = w.meter.Draw(); uniseg.StringWidth(state) > room-minLabel {
			state = w.meter.Text()
		}
	}
	label := Cut(OneLine(w.label()), room-uniseg.StringWidth(state)-indent)
	status := w.screen.W.rendered(Span{frames[w.frame%len(frames)], color.FgCyan}, Span{Text: Cut(strings.TrimRight(" "+label, " ")+" "+state, room-1)})
	_, _ = io.WriteString(w.screen.W.W, clearLine+status)
}

func (w *wait) elapsed() time.Duration { return time.Since(w.start).Truncate(time.Second) }
