package batch

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/panics"
	"github.com/narada-cli/narada/pkg/store"
)

// Nothing is sent, and tasks that are still running are awaited.
func TestCreditsOfEarlierRunsStopTheSending(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		inWorld(t, func(w *world) {
			const text = "new 1s\ngood 1s\ngood 2s\nrunning 3s\n"
			w.earlier(text, map[string]store.Task{"good": finished, "running": running})
			o := w.options(text)
			o.Ordered, o.MaxCredits = ordered, 0.6
			v := w.run(o)
			wantEnding(w.t, v, Limited, ErrCredits)
			if v.Tally.Ended != 3 {
				t.Errorf("%+v", v.Tally)
			}
			w.wantSent()
			w.wantAwaited("running 3s")
		})
	}
}

func TestLimitsStopTheSending(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Options)
		text   string
		ending Ending
		want   error
		sent   int
	}{
		"failures":              {func(o *Options) { o.MaxFailures = 2 }, "bad 1s\nbad 2s\nbad 3s\ngood 1s\n", Limited, ErrFailures, 2},
		"credits":               {func(o *Options) { o.MaxCredits = 0.6 }, "good 1s\ngood 1s\ngood 1s\n", Limited, ErrCredits, 2},
		"not enough":            {func(o *Options) { o.MaxFailures = 2 }, "bad 1s\ngood 1s\n", SomeFailed, nil, 2},
		"with the last":         {func(o *Options) { o.MaxFailures = 2 }, "bad 1s\nbad 1s\n", SomeFailed, nil, 2},
		"an error of all lines": {func(*Options) {}, "good 1s\nfatal 1s\ngood 1s\n", Broken, &narada.APIError{}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				o := w.options(test.text)
				o.Concurrency = 1
				test.change(&o)
				v := w.run(o)
				if _, ok := test.want.(*narada.APIError); ok {
					test.want = v.Err
				}
				wantEnding(w.t, v, test.ending, test.want)
				if len(w.sent) != test.sent {
					t.Errorf("sent %q", w.sent)
				}
			})
		})
	}
}

// A line that an earlier run left unknown, and that still is, is no failure of this one.
func TestOnlyLinesThatEndInThisRunCountAsItsFailures(t *testing.T) {
	for name, receives := range map[string]string{"awaited": "https://here/", "no callback can arrive": "https://elsewhere/"} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				const text = "lost 9h\nlost 9h\ngood 1h\n"
				w.earlier(text, map[string]store.Task{"lost": unknown})
				w.receives = receives
				o := w.options(text)
				o.MaxFailures, o.Timeout = 1, 2*time.Hour
				o.Concurrency = 1
				v := w.run(o)
				if v.Tally.Failures != 0 || v.Tally.Counts[store.StatusUnknown] != 2 || v.Tally.Earlier != 2 || v.Tally.Sent != 1 {
					t.Errorf("%+v", v.Tally)
				}
				w.wantSent("good 1h")
			})
		})
	}
	inWorld(t, func(w *world) { // an answer of this run counts, whoever has sent the task
		const text = "bad 1s\nnew 2s\n"
		w.earlier(text, map[string]store.Task{"bad": running})
		o := w.options(text)
		o.MaxFailures, o.Concurrency = 1, 1
		wantEnding(w.t, w.run(o), Limited, ErrFailures)
	})
}

// An error that affects all lines stops the batch, and tasks in flight are awaited.
func TestAFatalOutcomeStopsTheBatch(t *testing.T) {
	inWorld(t, func(w *world) {
		o := w.options("good 5s\nfatal 1s\ngood 1s\n")
		o.Concurrency = 2
		v := w.run(o)
		if v.Ending != Broken || v.Tally.Ended != 1 || v.Tally.Unfinished != 0 {
			t.Errorf("%+v", v)
		}
		w.wantSent("fatal 1s", "good 5s")
	})
}

// Tasks in flight are awaited, and the task may be running.
func TestAPanicStopsTheBatch(t *testing.T) {
	for name, test := range map[string]struct {
		text  string
		tasks map[string]store.Task
	}{
		"sent":                  {"panic 1s\ngood 5s\ngood 1s\n", nil},
		"awaited":               {"panic 1s\ngood 5s\ngood 1s\n", map[string]store.Task{"panic": running}},
		"sent by the engine":    {"crash 1s\ngood 5s\ngood 1s\n", nil},
		"awaited by the engine": {"crash 1s\ngood 5s\ngood 1s\n", map[string]store.Task{"crash": running}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				text := test.text
				w.earlier(text, test.tasks)
				o := w.options(text)
				o.Concurrency = 2
				v := w.run(o)
				failure, ok := errors.AsType[*panics.Error](v.Err)
				if v.Ending != Broken || !ok || failure.Value != "the engine is broken" || !strings.Contains(string(failure.Stack), "world_test.go") {
					t.Errorf("%+v", v)
				}
				if v.Tally.Ended != 1 || v.Tally.Unfinished != 1 || v.Tally.InFlight != 0 {
					t.Errorf("%+v", v.Tally)
				}
			})
		})
	}
}

// A result that cannot be written, too.
func TestAPanicWhileAnOutcomeIsWrittenStopsTheBatch(t *testing.T) {
	inWorld(t, func(w *world) {
		o := w.options("good 1s\ngood 2s\n")
		o.Concurrency, o.Stdout = 1, writer(func([]byte) error { panic("it is closed") })
		v := w.run(o)
		if failure, ok := errors.AsType[*panics.Error](v.Err); v.Ending != Broken || !ok || failure.Value != "it is closed" {
			t.Errorf("%+v", v)
		}
		w.wantSent("good 1s")
	})
}

// After the first, tasks in flight are awaited; after the second, they are not.
func TestAnInterruptStopsTheSendingAndASecondOneEndsTheRun(t *testing.T) {
	const text = "good 3s\nendless 10s\ngood 1s\n"
	for _, second := range []bool{false, true} {
		inWorld(t, func(w *world) {
			o := w.options(text)
			o.Concurrency = 2
			ctx, cancel := context.WithCancelCause(w.t.Context())
			again := errors.New("interrupted again")
			time.AfterFunc(time.Second, func() { close(w.interrupt) })
			if second {
				time.AfterFunc(2*time.Second, func() { cancel(again) })
			}
			v, err := w.open(o).Run(ctx, w.backend())
			if err != nil {
				t.Fatal(err)
			}
			wantEnding(w.t, v, Interrupted, ErrInterrupted)
			ended := 1
			if second {
				ended = 0
			}
			if v.Tally.Ended != ended || v.Tally.Unfinished != 2-ended {
				t.Errorf("second %v: %+v", second, v.Tally)
			}
			stopping := 0
			for _, e := range w.events {
				if e, ok := e.(Stopping); ok && e.InFlight == 2 {
					stopping++
				}
			}
			if stopping != 1 {
				t.Errorf("%+v", w.events)
			}
			w.wantSent("endless 10s", "good 3s")
			cancel(nil)
		})
	}
}

// Its callback may still arrive, so it is not reported as unknown.
func TestAnUnknownTaskIsUnfinishedAfterAnInterrupt(t *testing.T) {
	inWorld(t, func(w *world) {
		const text = "lost 1h\n"
		w.earlier(text, map[string]store.Task{"lost": unknown})
		wrong := errors.New("terminated")
		ctx, cancel := context.WithCancelCause(w.t.Context())
		time.AfterFunc(time.Minute, func() { cancel(wrong) })
		v, err := w.open(w.options(text)).Run(ctx, w.backend())
		if err != nil || v.Tally.Unfinished != 1 || v.Tally.Ended != 0 {
			t.Errorf("%+v, %v", v.Tally, err)
		}
		wantEnding(w.t, v, Interrupted, wrong)
		w.wantPrinted()
	})
}

// Such an error affects all lines.
func TestAStoreThatCannotBeReadStopsTheBatch(t *testing.T) {
	inWorld(t, func(w *world) {
		const text = "unread 1s\ngood 5s\ngood 1s\n"
		w.earlier(text, map[string]store.Task{"unread": running})
		o := w.options(text)
		o.Concurrency = 2
		v := w.run(o)
		if v.Ending != Broken || v.Err == nil || v.Err.Error() != "the disk cannot be read" {
			t.Errorf("%+v", v)
		}
		w.wantSent("good 5s")
	})
}

func TestAnInterruptAfterTheLastLineWasSentChangesNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		o := w.options("good 2s\n")
		time.AfterFunc(time.Second, func() { close(w.interrupt) })
		wantEnding(w.t, w.run(o), AllSucceeded, nil)
	})
}

func TestTheEndOfTheContextEndsTheRun(t *testing.T) {
	inWorld(t, func(w *world) {
		o := w.options("good 1s\ngood 1h\ngood 1s\n")
		o.Concurrency = 1
		wrong := errors.New("terminated")
		ctx, cancel := context.WithCancelCause(w.t.Context())
		time.AfterFunc(time.Minute, func() { cancel(wrong) })
		v, err := w.open(o).Run(ctx, w.backend())
		if err != nil || v.Tally.Ended != 1 || v.Tally.Unfinished != 1 {
			t.Errorf("%+v, %v", v.Tally, err)
		}
		wantEnding(w.t, v, Interrupted, wrong)
	})
}

// Tasks that the run did not begin to wait for are unfinished too.
func TestRunningTasksAreUnfinishedAfterTheContextEnded(t *testing.T) {
	for name, test := range map[string]struct {
		earlier store.Task
		want    int
	}{"running": {running, 3}, "unknown": {unknown, 1 + 3}} { // the new task that was sent, too
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				const text = "new 1h\nnew 1h\ngood 1h\ngood 1h\ngood 1h\n"
				w.earlier(text, map[string]store.Task{"good": test.earlier})
				w.receives = "https://elsewhere/" // the callback of an unknown task does not arrive here
				o := w.options(text)
				o.Concurrency = 1
				ctx, cancel := context.WithCancelCause(w.t.Context())
				time.AfterFunc(time.Minute, func() { cancel(errors.New("terminated")) })
				v, err := w.open(o).Run(ctx, w.backend())
				if err != nil || v.Tally.Ended != 0 || v.Tally.Unfinished != test.want {
					t.Errorf("%+v, %v", v.Tally, err)
				}
			})
		})
	}
}

// slowStore does not answer before its context ends.
type slowStore struct{ *world }

func TestTheEndOfTheContextIsNotReportedAsAStoreError(t *testing.T) {
	inWorld(t, func(w *world) {
		wrong := errors.New("terminated")
		ctx, cancel := context.WithCancelCause(w.t.Context())
		time.AfterFunc(time.Second, func() { cancel(wrong) })
		backend := w.backend()
		backend.Store = slowStore{w}
		v, err := w.open(w.options("good 1s\n")).Run(ctx, backend)
		if err != nil {
			t.Fatal(err)
		}
		wantEnding(w.t, v, Interrupted, wrong)
	})
}
