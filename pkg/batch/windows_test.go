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
