package batch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/schema"
	"github.com/narada-cli/narada/pkg/store"
)

// inWorld runs a test in which time passes at once.
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

func TestEachLineComesOutOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		const text = "good 3s\nbad 1s\ngood 2s\n"
		v := w.run(w.options(text))
		wantEnding(w.t, v, SomeFailed, nil)
		if tally := v.Tally; tally.Succeeded() != 2 || tally.Failed() != 1 || tally.Credits != 1.5 || tally.InFlight != 0 || tally.Slowest[0].Line.Number != 3 {
			t.Errorf("%+v", tally)
		}
		w.wantPrinted("2 error", "3 success", "1 success")
		// Again, with another line: what has ended comes first.
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

func TestResultsComeInTheOrderOfTheInput(t *testing.T) {
	inWorld(t, func(w *world) {
		o := w.options("good 3s\nendless 1s\nbad 1s\ngood 2s\n")
		o.Ordered = true
		wantEnding(w.t, w.run(o), Unfinished, nil)
		w.wantPrinted("1 success", "3 error", "4 success")
	})
}

// Lines of earlier runs count from the beginning, and come out in their turn. A run
// that is interrupted prints them all.
func TestEarlierLinesInOrder(t *testing.T) {
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

// The credits of earlier runs count before anything is sent, in whatever order, and
// what still runs is waited for all the same.
func TestEarlierCreditsStopTheSending(t *testing.T) {
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

// Unknown tasks, of which nothing may be heard, do not hold those up that are new.
func TestUnknownTasksTakeNoSlot(t *testing.T) {
	inWorld(t, func(w *world) {
		const text = "unsure 1h\nunsure 2h\ngood 1s\ngood 1s\n"
		w.earlier(text, map[string]store.Task{"unsure": unknown})
		o := w.options(text)
		o.Concurrency = 1
		wantEnding(w.t, w.run(o), AllSucceeded, nil)
		w.wantPrinted("3 success", "4 success", "1 success", "2 success")
	})
}

func TestConcurrencyIsBounded(t *testing.T) {
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

func TestWhatRunsIsAwaited(t *testing.T) {
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

// An unknown task is waited for as long as its own time limit lasts, and then it is
// unknown for good.
func TestAnUnknownTaskIsWaitedForUntilItsTimeLimit(t *testing.T) {
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

func TestAWindowHasOneTask(t *testing.T) {
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

// The only window has a task of an earlier run in it, of the last line.
func TestAnEarlierTasksWindowIsWaitedFor(t *testing.T) {
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

func TestLimitsStopTheSending(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Options)
		text   string
		ending Ending
		want   error
		sent   int
	}{
		"failures":                     {func(o *Options) { o.MaxFailures = 2 }, "bad 1s\nbad 2s\nbad 3s\ngood 1s\n", Limited, ErrFailures, 2},
		"credits":                      {func(o *Options) { o.MaxCredits = 0.6 }, "good 1s\ngood 1s\ngood 1s\n", Limited, ErrCredits, 2},
		"not enough":                   {func(o *Options) { o.MaxFailures = 2 }, "bad 1s\ngood 1s\n", SomeFailed, nil, 2},
		"with the last":                {func(o *Options) { o.MaxFailures = 2 }, "bad 1s\nbad 1s\n", SomeFailed, nil, 2},
		"what is wrong with all lines": {func(*Options) {}, "good 1s\nfatal 1s\ngood 1s\n", Broken, &narada.APIError{}, 2},
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

// What becomes of a line whose task has no answer.
func TestLinesWithoutAnAnswer(t *testing.T) {
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
		})
	}
}

// What is wrong with all lines stops the batch, and what is in flight is waited for.
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

// An interrupt ends the sending; what runs is waited for. A second one, which ends the
// context, leaves it.
func TestInterrupts(t *testing.T) {
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

// A task that is waited for when the command is interrupted may still be heard of: it
// is not reported as unknown.
func TestAnInterruptWhileAnUnknownTaskIsWaitedFor(t *testing.T) {
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

// A store that cannot be read is wrong with all lines.
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

// One that comes when nothing is left to stop changes nothing.
func TestAnInterruptAtTheEnd(t *testing.T) {
	inWorld(t, func(w *world) {
		o := w.options("good 2s\n")
		time.AfterFunc(time.Second, func() { close(w.interrupt) })
		wantEnding(w.t, w.run(o), AllSucceeded, nil)
	})
}

// Progress is there while an outcome is written, which may take its time.
func TestProgressIsThereWhileAResultIsWritten(t *testing.T) {
	w := newWorld(t)
	o := w.options("good 0s\n")
	var b *Batch
	ended := 0
	o.Stdout = writer(func([]byte) error {
		ended = b.Progress().Ended
		return nil
	})
	b = w.open(o)
	if _, err := b.Run(t.Context(), w.backend()); err != nil || ended != 1 {
		t.Errorf("%d have ended, %v", ended, err)
	}
}

// writer is an io.Writer.
type writer func([]byte) error

func (w writer) Write(p []byte) (int, error) { return len(p), w(p) }

func TestStdoutThatCannotBeWritten(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		w := newWorld(t)
		o := w.options("good 0s\ngood 0s\n")
		wrong := errors.New("wrong")
		o.Ordered, o.Concurrency = ordered, 1
		o.Stdout = writer(func([]byte) error { return wrong })
		wantEnding(t, w.run(o), Broken, wrong)
	}
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

// Tasks that were sent are unfinished, also those whose turn to be waited for did not come.
func TestRunningTasksAreUnfinishedAtTheEnd(t *testing.T) {
	for name, test := range map[string]struct {
		earlier store.Task
		want    int
	}{"running": {running, 3}, "unknown": {unknown, 1 + 3}} { // the new task that was sent, too
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				const text = "new 1h\nnew 1h\ngood 1h\ngood 1h\ngood 1h\n"
				w.earlier(text, map[string]store.Task{"good": test.earlier})
				w.receives = "https://elsewhere/" // an unknown task's callback does not come here
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

func (slowStore) Items(ctx context.Context, _ int64, _ [][]byte) ([]store.ItemTask, error) {
	<-ctx.Done()
	return nil, fmt.Errorf("the store: %w", ctx.Err())
}

// Whoever leaves while the store is read has left; nothing is wrong with the store.
func TestTheEndOfTheContextIsNotTheStoresFault(t *testing.T) {
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

// A success whose data do not fit has not succeeded, is kept as such, and may be sent
// again as others that have failed.
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
		if diff := cmp.Diff(map[narada.Status]int{StatusSchemaError: 1, narada.StatusError: 1}, v.Tally.Counts); diff != "" {
			t.Error(diff)
		}
		if !strings.Contains(w.out.String(), `"schemaErrors":["/n: must be a number","is too small"]`) {
			t.Error(w.out.String())
		}
		var kept []string
		for _, i := range w.items {
			kept = append(kept, i.SchemaErrors)
		}
		if text := strings.Join(kept, ""); text != `["/n: must be a number","is too small"]` {
			t.Errorf("kept %q", text)
		}
		o.RetryFailed = true
		w.run(o)
		w.wantSent("bad 1s", "good 1s")
		o.RetryFailed, fits = false, true
		w.run(o)
		w.wantSent()
		for _, i := range w.items {
			if i.SchemaErrors != "" {
				t.Errorf("kept %q", i.SchemaErrors)
			}
		}
	})
}

// rewriting is an engine that does something when a task is sent.
type rewriting struct {
	*world
	do func()
}

func (r rewriting) Run(ctx context.Context, j await.Job) (await.Answer, error) {
	r.do()
	return r.world.Run(ctx, j)
}

// An input that is written to while it is read is noticed, and nothing of it is sent
// that was not checked.
func TestAnInputThatChangesWhileItIsRead(t *testing.T) {
	text := strings.Repeat("good 0s\n", 20_000) // more than is read at once
	for name, test := range map[string]struct {
		before, during string // what it becomes
		most           int    // sent
	}{
		"before the sending": {text + "good 1s\n", "", 0},
		"during the sending": {"", text + strings.Repeat("good 0s\n", 3), 20_000},
		"to less":            {"", "good 0s\n", 19_999},
		"to something else":  {"", strings.Repeat("good 1s\n", 20_000), 19_999},
	} {
		w := newWorld(t)
		o := w.options(text)
		o.Concurrency = 1
		b := w.open(o)
		if test.before != "" {
			w.write(w.name, test.before)
		}
		backend := w.backend()
		written := false
		backend.Open = func(context.Context, func(*await.Options)) (Engine, error) {
			return rewriting{w, func() {
				if !written && test.during != "" {
					w.write(w.name, test.during)
				}
				written = true
			}}, nil
		}
		v, err := b.Run(t.Context(), backend)
		if err != nil {
			t.Fatal(err)
		}
		if v.Ending != Broken || !errors.Is(v.Err, ErrInputChanged) {
			t.Errorf("%s: %+v", name, v)
		}
		if sent := len(w.sent); sent > test.most || test.before == "" && sent == 0 {
			t.Errorf("%s: %d were sent", name, sent)
		}
	}
}

// A dispatch call that is refused for its pace slows the others down.
func TestDispatchCallsTellThePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(0)
		o := await.Options{Client: &busyClient{}}
		p.adjust(&o)
		start := time.Now()
		if _, err := o.Client.Dispatch(t.Context(), &narada.Request{}); err == nil {
			t.Fatal("it was not busy")
		}
		if err := o.Again(t.Context()); err != nil || time.Since(start) != 30*time.Second {
			t.Errorf("waited %v, %v", time.Since(start), err)
		}
		limit := p.limit
		if _, err := o.Client.Dispatch(t.Context(), &narada.Request{}); err != nil || p.limit <= limit {
			t.Errorf("%v; %v a second, then %v", err, limit, p.limit)
		}
		if o.Source != "batch" || !o.Many {
			t.Errorf("%+v", o)
		}
	})
}

// busyClient is busy the first time.
type busyClient struct {
	await.Client
	calls int
}

func (c *busyClient) Dispatch(context.Context, *narada.Request) (string, error) {
	if c.calls++; c.calls == 1 {
		return "", &narada.DispatchError{Err: &narada.APIError{StatusCode: 429, RetryAfter: 30 * time.Second}}
	}
	return "req_1", nil
}
