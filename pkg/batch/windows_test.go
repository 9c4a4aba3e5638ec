package batch

import (
	"strings"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/store"
)

func TestAWindowHasOneTaskAtATime(t *testing.T) {
	inWorld(t, func(w *world) {
		text := strings.Repeat("good 1s\n", 20) + "running 30s\n"
		w.earlier(text, map[string]store.Task{"running": running})
		for _, i := range w.items {
			i.Window = "A"
		}
		o := w.options(text)
		o.Windows = []string{"A", "B", "C"}
		start := time.Now()
		wantEnding(w.t, w.run(o), AllSucceeded, nil)
		if w.overlap || time.Since(start) != 30*time.Second {
			t.Errorf("two in one window: %v; it took %v", w.overlap, time.Since(start))
		}
	})
}

// The task of the last line is in the only window.
func TestTheWindowOfAnEarlierTaskIsUsedAfterItsEnd(t *testing.T) {
	inWorld(t, func(w *world) {
		const text = "good 1s\ngood 2s\nrunning 30s\n"
		w.earlier(text, map[string]store.Task{"running": running})
		for _, i := range w.items {
			i.Window = "A"
		}
		o := w.options(text)
		o.Windows = []string{"A"}
		wantEnding(w.t, w.run(o), AllSucceeded, nil)
		w.wantPrinted("3 success", "1 success", "2 success")
		if w.overlap {
			t.Error("two were in one window")
		}
	})
}

// It is not known whether they run, and no answer may ever arrive.
func TestUnknownTasksOfAnEarlierRunHoldNoWindow(t *testing.T) {
	for name, windows := range map[string]string{"all windows": "A B", "one window": "A A"} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				const text = "lost 9h\nlost 9h\ngood 1s\ngood 1s\ngood 1s\n"
				w.earlier(text, map[string]store.Task{"lost": unknown})
				for _, i := range w.items {
					i.Window = strings.Fields(windows)[i.Line-1]
				}
				o := w.options(text)
				o.Windows, o.Timeout, o.Concurrency = []string{"A", "B"}, time.Hour, 1
				sent := 0
				report := o.Report
				o.Report = func(e Event) {
					if report(e); e == (Sending{}) {
						time.AfterFunc(10*time.Second, func() {
							w.mu.Lock()
							defer w.mu.Unlock()
							sent = len(w.sent)
						})
					}
				}
				v := w.run(o)
				wantEnding(w.t, v, SomeFailed, nil)
				if sent != 3 || v.Tally.Succeeded() != 3 || v.Tally.Failed() != 2 {
					t.Errorf("%d were sent after 10 seconds; %+v", sent, v.Tally)
				}
			})
		})
	}
}

func TestWindowsThatMayBeBusyAreUsedLast(t *testing.T) {
	w := newWindows([]string{"A", "B", "C", "D"}, []string{"C"}, []string{"A"}, func() {})
	var got []string
	for len(got) < 3 {
		name, _ := w.take(t.Context())
		got = append(got, name)
	}
	if text := strings.Join(got, " "); text != "B D A" {
		t.Errorf("used %s", text)
	}
	w.release("C", true)
	if name, ok := w.take(t.Context()); !ok || name != "C" {
		t.Errorf("got %q", name)
	}
}

func TestAWindowWhoseTaskDoesNotEndIsNotUsedAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		o := w.options("endless 1s\nendless 2s\ngood 1s\n")
		o.Windows = []string{"A", "B"}
		v := w.run(o)
		wantEnding(w.t, v, Limited, ErrWindows)
		if w.overlap || v.Tally.Unfinished != 2 || v.Tally.Ended != 0 {
			t.Errorf("%+v", v.Tally)
		}
	})
}
