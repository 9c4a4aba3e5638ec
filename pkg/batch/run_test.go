package batch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/schema"
	"github.com/narada-cli/narada/pkg/store"
)

// inWorld runs a test with a fake clock.
func inWorld(t *testing.T, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(newWorld(t)) })
}

func wantEnding(t *testing.T, v Verdict, ending Ending, err error) {
	t.Helper()
	if v.Ending != ending || !errors.Is(v.Err, err) {
		t.Errorf("ended %d: %v; %+v", v.Ending, v.Err, v.Tally)
	}
}

func TestEachLineIsPrintedOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		const text = "good 3s\nbad 1s\ngood 2s\n"
		v := w.run(w.options(text))
		wantEnding(w.t, v, SomeFailed, nil)
		if tally := v.Tally; tally.Succeeded() != 2 || tally.Failed() != 1 || tally.Credits != 1.5 || tally.InFlight != 0 || tally.Slowest[0].Line.Number != 3 {
			t.Errorf("%+v", tally)
		}
		w.wantPrinted("2 error", "3 success", "1 success")
		// Again, with another line: those that have ended are printed first.
		const more = "good 4s\n" + text
		v = w.run(w.options(more))
		if v.Tally.Recovered != 3 || v.Tally.Ended != 4 {
			t.Errorf("%+v", v.Tally)
		}
		w.wantSent("good 4s")
		w.wantPrinted("2 success", "3 error", "4 success", "1 success")
		o := w.options(more)
		o.RetryFailed = true
		w.run(o)
		w.wantSent("bad 1s")
	})
}

func TestOrderedResultsAreInTheOrderOfTheInput(t *testing.T) {
	inWorld(t, func(w *world) {
		o := w.options("good 3s\nendless 1s\nbad 1s\ngood 2s\n")
		o.Ordered = true
		wantEnding(w.t, w.run(o), Unfinished, nil)
		w.wantPrinted("1 success", "3 error", "4 success")
	})
}

// Lines of earlier runs are counted from the start. An interrupted run prints them all.
func TestOrderedResultsOfEarlierRunsArePrintedInTheirTurn(t *testing.T) {
	inWorld(t, func(w *world) {
		const text = "good 1s\nnew 2s\ngood 3s\n"
		w.earlier(text, map[string]store.Task{"good": finished})
		o := w.options(text)
		o.Ordered = true
		ctx, cancel := context.WithCancelCause(w.t.Context())
		interrupted := errors.New("interrupted")
		time.AfterFunc(time.Second, func() {
			synctest.Wait()
			w.wantPrinted("1 success")
			cancel(interrupted)
		})
		v, err := w.open(o).Run(ctx, w.backend())
		if err != nil || v.Tally.Unfinished != 1 || v.Tally.Recovered != 2 || v.Tally.Credits != 1 {
			t.Errorf("%+v, %v", v.Tally, err)
		}
		wantEnding(w.t, v, Interrupted, interrupted)
		w.wantPrinted("1 success", "3 success")
	})
}

// They may never be answered, and must not delay new ones.
func TestUnknownTasksDoNotCountAgainstTheConcurrency(t *testing.T) {
	inWorld(t, func(w *world) {
		const text = "unsure 1h\nunsure 2h\ngood 1s\ngood 1s\n"
		w.earlier(text, map[string]store.Task{"unsure": unknown})
		o := w.options(text)
		o.Concurrency = 1
		wantEnding(w.t, w.run(o), AllSucceeded, nil)
		w.wantPrinted("3 success", "4 success", "1 success", "2 success")
	})
}

func TestTheConcurrencyIsBounded(t *testing.T) {
	inWorld(t, func(w *world) {
		o := w.options(strings.Repeat("good 1s\n", 1000))
		o.Concurrency = 10
		start := time.Now()
		wantEnding(w.t, w.run(o), AllSucceeded, nil)
		if w.most != 10 || time.Since(start) != 100*time.Second {
			t.Errorf("%d at once, in %v", w.most, time.Since(start))
		}
	})
}

func TestRunningTasksAreAwaited(t *testing.T) {
	inWorld(t, func(w *world) {
		const text = "running 1s\nunsure 2s\nelsewhere 3s\npruned 4s\nrefused 5s\n"
		set := func() {
			w.earlier(text, map[string]store.Task{"running": running, "unsure": unknown, "elsewhere": unknown, "pruned": pruned, "refused": refused})
			for _, i := range w.items {
				if i.Line == 3 {
					i.CallbackURL = "https://elsewhere/a"
				}
			}
		}
		set()
		v := w.run(w.options(text))
		if v.Tally.Ended != 5 {
			t.Errorf("%+v", v.Tally)
		}
		w.wantSent()
		w.wantAwaited("running 1s", "unsure 2s")
		w.wantPrinted("4 pruned", "5 refused", "3 unknown", "1 success", "2 success")
		set()
		o := w.options(text)
		o.ResendUnknown = true
		w.run(o)
		w.wantSent("elsewhere 3s", "unsure 2s")
	})
}

// After that it stays unknown.
func TestAnUnknownTaskIsAwaitedUntilItsTimeLimit(t *testing.T) {
	inWorld(t, func(w *world) {
		const text = "lost 5h\n"
		w.earlier(text, map[string]store.Task{"lost": unknown})
		o := w.options(text)
		o.Timeout = time.Hour
		time.Sleep(20 * time.Minute)
		start := time.Now()
		wantEnding(w.t, w.run(o), SomeFailed, nil)
		w.wantPrinted("1 unknown")
		if took := time.Since(start); took != 40*time.Minute {
			t.Errorf("waited %v", took)
		}
		w.run(o)
		w.wantAwaited()
		w.wantPrinted("1 unknown")
	})
}

func TestTheOutcomeOfALineWithoutAnAnswer(t *testing.T) {
	for text, test := range map[string]struct {
		ending  Ending
		printed []string
		err     string
	}{
		"endless 1s\n": {Unfinished, nil, "<nil>"},
		"lost 1s\n":    {Unfinished, nil, "<nil>"},
		"lost 2h\n":    {SomeFailed, []string{"1 unknown"}, "<nil>"},
		"endless 2h\n": {Unfinished, nil, "<nil>"},
		"maybe 1s\n":   {SomeFailed, []string{"1 unknown"}, "<nil>"},
		"refused 1s\n": {SomeFailed, []string{"1 refused"}, "<nil>"},
		"unkept 1s\n":  {Broken, nil, "the disk is full"},
		"notime 1s\n":  {Unfinished, nil, "<nil>"},
		"calling 2h\n": {Unfinished, nil, "<nil>"},
		"fatal 1s\n":   {Broken, nil, (&narada.DispatchError{Err: &narada.APIError{StatusCode: 401}}).Error()},
	} {
		inWorld(t, func(w *world) {
			o := w.options(text)
			o.Timeout = time.Hour
			v := w.run(o)
			if v.Ending != test.ending || fmt.Sprint(v.Err) != test.err {
				t.Errorf("%q: ended %d: %v", text, v.Ending, v.Err)
			}
			if diff := cmp.Diff(test.printed, printed(w.t, w.out.String())); diff != "" {
				t.Errorf("%q: %s", text, diff)
			}
			notAccepted := strings.Contains("unkept notime calling fatal", strings.Fields(text)[0])
			if v.Tally.Sent == 0 != notAccepted {
				t.Errorf("%q: %d were sent", text, v.Tally.Sent)
			}
		})
	}
}

func (slowStore) Items(ctx context.Context, _ int64, _ [][]byte) ([]store.ItemTask, error) {
	<-ctx.Done()
	return nil, fmt.Errorf("the store: %w", ctx.Err())
}

// The line is stored with its schema errors, and RetryFailed sends it again.
func TestSchemaErrorsAreFailures(t *testing.T) {
	inWorld(t, func(w *world) {
		o := w.options("good 1s\nbad 1s\n")
		fits := false
		o.Check = func(*schema.Schema, *narada.Result) ([]schema.Violation, error) {
			if fits {
				return nil, nil
			}
			return []schema.Violation{{Pointer: "/n", Message: "must be a number"}, {Message: "is too small"}}, nil
		}
		v := w.run(o)
		wantEnding(w.t, v, SomeFailed, nil)
		if diff := cmp.Diff(map[narada.Status]int{StatusMismatch: 1, narada.StatusError: 1}, v.Tally.Counts); diff != "" {
			t.Error(diff)
		}
		if !strings.Contains(w.out.String(), `"schemaErrors":["/n: must be a number","is too small"]`) {
			t.Error(w.out.String())
		}
		var kept []string
		for _, i := range w.items {
			kept = append(kept, i.Mismatch)
		}
		if text := strings.Join(kept, ""); text != `{"schemaErrors":["/n: must be a number","is too small"]}` {
			t.Errorf("kept %q", text)
		}
		o.RetryFailed = true
		w.run(o)
		w.wantSent("bad 1s", "good 1s")
		o.RetryFailed, fits = false, true
		w.run(o)
		w.wantSent()
		for _, i := range w.items {
			if i.Mismatch != "" {
				t.Errorf("kept %q", i.Mismatch)
			}
		}
	})
}

// They are no tasks in flight, and how long they are awaited is reported.
func TestLinesThatMayHaveBeenAcceptedAreCountedApart(t *testing.T) {
	inWorld(t, func(w *world) {
		const text = "lost 9h\nlost 9h\ngood 1h\n"
		w.earlier(text, map[string]store.Task{"lost": unknown})
		o := w.options(text)
		o.Timeout = 2 * time.Hour
		time.Sleep(30 * time.Minute)
		until := time.Now().Add(90 * time.Minute)
		var b *Batch
		report := o.Report
		o.Report = func(e Event) {
			if report(e); e == (Sending{}) {
				time.AfterFunc(time.Minute, func() {
					if t := b.Progress(); t.InFlight != 1 || t.Unknown != 2 {
						w.t.Errorf("%+v", t)
					}
					close(w.interrupt)
				})
			}
		}
		b = w.open(o)
		v, err := b.Run(w.t.Context(), w.backend())
		if err != nil || v.Tally.Unknown != 0 || v.Tally.InFlight != 0 {
			w.t.Errorf("%+v, %v", v.Tally, err)
		}
		for _, want := range []Event{AwaitingUnknown{2, until}, Stopping{1, 2}} {
			if !slices.Contains(w.events, want) {
				w.t.Errorf("reported %+v, not %+v", w.events, want)
			}
		}
	})
}

// Its callback goes to another address, so that it has to be polled.
func TestARunningTaskWhoseCallbackArrivesElsewhereIsAwaitedWithoutItsTicket(t *testing.T) {
	inWorld(t, func(w *world) {
		const text = "here 1s\nthere 1s\n"
		w.earlier(text, map[string]store.Task{"here": running, "there": running})
		for _, i := range w.items {
			i.Task.TicketPath, i.CallbackURL = "/a", []string{"https://here/a", "https://there/a"}[i.Line-1]
		}
		wantEnding(w.t, w.run(w.options(text)), AllSucceeded, nil)
		w.wantAwaited("here 1s", "there 1s")
		if diff := cmp.Diff([]string{"there 1s"}, w.polled); diff != "" {
			t.Error(diff)
		}
	})
}

// The clock may have been set back since the task was sent.
func TestAnUnknownTaskIsAwaitedForTheTimeLimitAtMost(t *testing.T) {
	inWorld(t, func(w *world) {
		const text = "lost 50h\n"
		w.earlier(text, map[string]store.Task{"lost": unknown})
		for _, i := range w.items {
			i.Task.DispatchedAt = time.Now().Add(10 * time.Hour)
		}
		o := w.options(text)
		o.Timeout = time.Hour
		start := time.Now()
		wantEnding(w.t, w.run(o), SomeFailed, nil)
		w.wantPrinted("1 unknown")
		if took := time.Since(start); took != time.Hour {
			t.Errorf("waited %v", took)
		}
	})
}
