package term

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivo/uniseg"
)

func columns(n int) func() int { return func() int { return n } }

// lives returns a function that writes the reports of Show to w.
func lives(w io.Writer) func(string, time.Duration) {
	return func(text string, elapsed time.Duration) {
		_, _ = io.WriteString(w, text+" after "+elapsed.String()+"\n")
	}
}

func TestWaitingIsReportedEvery30SecondsWithoutATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		screen := &Screen{W: &Writer{W: &b}}
		stop := screen.Show("waiting for req_1", Meter{}, lives(screen.lines()))
		time.Sleep(65 * time.Second)
		_, _ = screen.lines().Write([]byte("a message\n"))
		stop()
		time.Sleep(time.Minute)
		if want := "still waiting for req_1 (30s) after 30s\nstill waiting for req_1 (1m0s) after 1m0s\na message\n"; b.String() != want {
			t.Errorf("got %q", b.String())
		}
	})
}

func TestALabelThatChangesIsShownAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		var label atomic.Value
		label.Store("submitting")
		screen := &Screen{W: &Writer{W: &b}}
		var none Meter
		stop := screen.Follow(func() string { return label.Load().(string) }, none, lives(screen.lines()))
		time.Sleep(31 * time.Second)
		label.Store("waiting")
		time.Sleep(30 * time.Second)
		stop()
		if want := "still submitting (30s) after 30s\nstill waiting (1m0s) after 1m0s\n"; b.String() != want {
			t.Errorf("got %q", b.String())
		}
	})
}

func TestSpinnerLeavesMessagesWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		screen := &Screen{W: &Writer{W: &b}, Spinner: true, Width: columns(24)}
		stop := screen.Show("waiting for req_1", Meter{}, nil)
		time.Sleep(2500 * time.Millisecond)
		slog.New(newHandler(screen.lines(), ReporterOptions{Mask: plain})).Info("a message")
		_, _ = screen.Over(&Writer{W: &b}).Write([]byte("the answer\n"))
		time.Sleep(time.Second)
		stop()
		text := b.String()
		for _, want := range []string{clearLine + "a message\n" + clearLine, clearLine + "the answer\n" + clearLine, " waiting for req_1 2s" + clearLine} {
			if !strings.Contains(text, want) {
				t.Errorf("missing %q in %q", want, text)
			}
		}
		if !strings.HasSuffix(text, clearLine) {
			t.Errorf("the spinner is not cleared: %q", text)
		}
		b.Reset()
		_, _ = screen.lines().Write([]byte("a message\n"))
		if b.String() != "a message\n" {
			t.Errorf("after the wait: %q", b.String())
		}
	})
}

func TestSpinnerFitsTheTerminalAndIsColoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		screen := &Screen{W: &Writer{W: &b}, Spinner: true, Width: columns(20)}
		stop := screen.Show("waiting\tfor\x1b req_0123456789abcdef", Meter{}, nil)
		time.Sleep(time.Second)
		stop()
		for _, line := range strings.Split(b.String(), clearLine) {
			if n := len([]rune(line)); n > 20 || strings.ContainsAny(line, "\t\x1b") {
				t.Errorf("%d columns: %q", n, line)
			}
		}
		b.Reset()
		(&Screen{W: &Writer{W: &b, Color: true}, Spinner: true, Width: columns(80)}).Show("x", Meter{}, nil)()
		if want := clearLine + "\x1b[36m⠋\x1b[0m x 0s" + clearLine; b.String() != want {
			t.Errorf("got %q, want %q", b.String(), want)
		}
	})
}

func TestStatusLineIsNeverWiderThanTheTerminal(t *testing.T) {
	bar := CountMeter(func() Count { return Count{Done: 1200, Total: 3000, Note: "3 failed, 17 running"} })
	for _, label := range []string{"running jobs", "数一数这家公司有多少职位空缺的列表", "👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧", strings.Repeat("e\u0301", 200)} {
		for _, m := range []Meter{{}, bar} {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex // the spinner has a goroutine of its own
				var b strings.Builder
				width := 200 // and then the window is made smaller
				screen := &Screen{Spinner: true, Width: func() int {
					mu.Lock()
					defer mu.Unlock()
					return width
				}}
				screen.W = &Writer{W: writerFunc(func(p []byte) (int, error) {
					mu.Lock()
					defer mu.Unlock()
					return b.Write(p)
				})}
				stop := screen.Show(label, m, nil)
				for _, columns := range []int{200, 80, 40, 10, 2, 1} {
					mu.Lock()
					width = columns
					b.Reset()
					mu.Unlock()
					time.Sleep(time.Second)
					synctest.Wait()
					mu.Lock()
					for line := range strings.SplitSeq(b.String(), clearLine) {
						if n := uniseg.StringWidth(line); n > max(columns-1, 1) {
							t.Errorf("%d columns of %d: %q", n, columns, line)
						}
					}
					mu.Unlock()
				}
				stop()
			})
		}
	}
}

func TestNothingMovesOnTheTerminalOnceItIsLeft(t *testing.T) {
	var b strings.Builder
	screen := &Screen{W: &Writer{W: &b}, Spinner: true, Width: columns(80)}
	stop := screen.Show("waiting", Meter{}, nil)
	screen.Leave()
	screen.Leave() // as if a write had stalled
	if screen.mu.TryLock() || !strings.HasSuffix(b.String(), clearLine) {
		t.Errorf("left, and it writes: %q", b.String())
	}
	screen.mu.Unlock()
	stop()
}

func TestStalledStdoutDoesNotBlockStderr(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		screen := &Screen{W: &Writer{W: io.Discard}, Spinner: true}
		read, write := io.Pipe()
		go func() { _, _ = screen.Over(&Writer{W: write}).Write([]byte("x")) }()
		synctest.Wait() // until the write blocks
		said := make(chan struct{})
		go func() {
			_, _ = screen.lines().Write([]byte("a message\n"))
			close(said)
		}()
		<-said
		read.Close()
	})
}

func TestConcurrentWritesDoNotMixWithTheSpinner(t *testing.T) {
	var b bytes.Buffer
	screen := &Screen{W: &Writer{W: &b}, Spinner: true, Width: columns(80)}
	log := slog.New(newHandler(screen.lines(), ReporterOptions{Mask: plain}))
	stop := screen.Show("waiting", Meter{}, nil)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() { log.Info("a message") })
		group.Go(func() { _, _ = screen.Over(&Writer{W: &b}).Write([]byte("an answer\n")) })
	}
	group.Wait()
	stop()
	if n, m := strings.Count(b.String(), "a message\n"), strings.Count(b.String(), "an answer\n"); n != 20 || m != 20 {
		t.Errorf("%d messages and %d answers", n, m)
	}
}

func TestProgressIsABarOnATerminalAndTextElsewhere(t *testing.T) {
	for _, tt := range []struct {
		name    string
		spinner bool
		wants   []string
		wide    int
	}{
		{"wide", true, []string{" uploading a.csv 0% |                | ( 0 B/4.0 MiB) [0s:0s]", " uploading a.csv 50% |████████        | (2.0/4.0 MiB, 1.7 MiB/s) [1s:1s]"}, 90},
		{"narrow", true, []string{" uploading a.csv 50 % of 4.0 MiB"}, 40},
		{"without a terminal", false, []string{"still uploading a.csv: 50 % of 4.0 MiB (30s) after 30s\n"}, 90},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b strings.Builder
				screen := &Screen{W: &Writer{W: &b}, Spinner: tt.spinner, Width: columns(tt.wide)}
				p := newProgress(4<<20, func(m Meter) func() { return screen.Show("uploading a.csv", m, lives(screen.lines())) })
				time.Sleep(time.Second)
				p.Add(3 << 20)
				p.Restart()
				p.Add(2 << 20)
				time.Sleep(31 * time.Second)
				p.Stop()
				for _, want := range tt.wants {
					if !strings.Contains(b.String(), want) {
						t.Errorf("missing %q in %.2000q", want, b.String())
					}
				}
				for _, line := range strings.Split(b.String(), clearLine) {
					if n := len([]rune(line)); n > tt.wide {
						t.Errorf("%d columns: %q", n, line)
					}
				}
			})
		})
	}
}
