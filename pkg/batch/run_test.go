package batch

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a book and a cloud. A task ends after as many seconds as its prompt's
// last word says, and as its first word says.
type world struct {
	t *testing.T

	mu      sync.Mutex
	states  map[Key]State
	results map[int64]*narada.Result
	sent    []string
	awaited []string
	windows map[string]int // tasks in each now
	most    int            // tasks in flight
	flight  int
	overlap bool // two tasks were in one window
	emitted []string
}

func newWorld(t *testing.T) *world {
	return &world{t: t, states: map[Key]State{}, results: map[int64]*narada.Result{}, windows: map[string]int{}}
}

func (w *world) Look(_ context.Context, keys []Key) (map[Key]State, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := map[Key]State{}
	for _, k := range keys {
		if s, ok := w.states[k]; ok {
			found[k] = s
		}
	}
	return found, nil
}

func (w *world) Result(_ context.Context, number int64) (*narada.Result, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.results[number], nil
}

func (w *world) CanAwait(s State) bool { return s.Ticket != "" }

func (w *world) Send(ctx context.Context, l *Line, _ *task.Plan, window string, sent func()) *Outcome {
	w.begin(l, window, &w.sent)
	sent()
	return w.end(ctx, l, State{Window: window})
}

func (w *world) Await(ctx context.Context, l *Line, s *State) *Outcome {
	w.begin(l, s.Window, &w.awaited)
	return w.end(ctx, l, *s)
}

func (w *world) begin(l *Line, window string, list *[]string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*list = append(*list, l.Prompt)
	w.flight++
	w.most = max(w.most, w.flight)
	if window != "" {
		w.windows[window]++
		w.overlap = w.overlap || w.windows[window] > 1
	}
}

func (w *world) end(ctx context.Context, l *Line, s State) *Outcome {
	words := strings.Fields(l.Prompt)
	d, err := time.ParseDuration(words[len(words)-1])
	if err != nil {
		w.t.Error(err)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	o := &Outcome{Line: *l, State: s}
	select {
	case <-timer.C:
		o.State, o.Result = w.finished(l, words[0])
		o.Window = s.Window
	case <-ctx.Done():
		o.Phase, o.Err = Running, context.Cause(ctx)
	}
	switch words[0] {
	case "fatal":
		o.State, o.Result, o.Err, o.Fatal = State{}, nil, errors.New("unauthorized"), true
	case "endless":
		o.State, o.Result, o.Err = State{Phase: Running, Window: s.Window}, nil, errors.New("the time limit is over")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flight--
	if s.Window != "" && words[0] != "endless" {
		w.windows[s.Window]--
	}
	return o
}

// finished writes down that a line's task has ended.
func (w *world) finished(l *Line, word string) (State, *narada.Result) {
	status := "success"
	if word == "bad" {
		status = "error"
	}
	r, err := narada.ParseResult([]byte(fmt.Sprintf(`{"requestId":"req_%d","status":%q,"createdAt":"2026-01-01T00:00:00Z","completedAt":"2026-01-01T00:00:0%dZ","usage":{"actions":1,"credits":0.5}}`, l.Number, status, l.Number%10)))
	if err != nil {
		w.t.Error(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	number := int64(len(w.results) + 1)
	s := State{Phase: Finished, Task: number, RequestID: r.RequestID, Status: r.Status}
	w.results[number], w.states[l.Key] = r, s
	return s, r
}

func lines(text string) iter.Seq2[Line, error] {
	return (Input{Format: Text}).Lines(strings.NewReader(text))
}

// options are those of a batch of so many lines in the world.
func (w *world) options(text string) Options {
	return Options{
		Total: strings.Count(text, "\n"), Concurrency: 100, Pace: NewPace(0), Book: w, Sender: w,
		Plan: func(Line) (*task.Plan, error) { return &task.Plan{}, nil },
		Emit: func(o Outcome) error {
			w.emitted = append(w.emitted, fmt.Sprintf("%d %s", o.Line.Number, o.StatusName()))
			return nil
		},
	}
}

func (w *world) run(o Options, text string) (Tally, error) {
	w.sent, w.awaited, w.emitted = nil, nil, nil
	r := NewRun(o)
	err := r.Recover(w.t.Context(), lines(text))
	if err == nil {
		err = r.Send(w.t.Context(), lines(text))
	}
	return r.Tally(), err
}

func diff(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s: %s", what, d)
	}
}

func TestEachLineComesOutOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		const text = "good 3s\nbad 1s\ngood 2s\n"
		tally, err := w.run(w.options(text), text)
		if err != nil || tally.Succeeded() != 2 || tally.Failed() != 1 || tally.Credits != 1.5 || tally.InFlight != 0 || tally.Slowest[0].Line != 3 {
			t.Errorf("%+v, %v", tally, err)
		}
		diff(t, "as they come", w.emitted, "2 error", "3 success", "1 success")
		// Again, with another line.
		const more = "good 4s\n" + text
		tally, err = w.run(w.options(more), more)
		if err != nil || tally.Earlier != 3 || tally.Ended != 4 {
			t.Errorf("%+v, %v", tally, err)
		}
		diff(t, "sent", w.sent, "good 4s")
		diff(t, "what has ended first", w.emitted, "2 success", "3 error", "4 success", "1 success")
		o := w.options(more)
		o.RetryFailed = true
		if _, err = w.run(o, more); err != nil {
			t.Error(err)
		}
		diff(t, "sent again", w.sent, "bad 1s")
	})
}

func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		const text = "good 3s\nendless 1s\nbad 1s\ngood 2s\n"
		o := w.options(text)
		o.Ordered = true
		tally, err := w.run(o, text)
		if err != nil || tally.Unfinished != 1 {
			t.Errorf("%+v, %v", tally, err)
		}
		diff(t, "emitted", w.emitted, "1 success", "3 error", "4 success")
	})
}

// Lines of earlier runs count from the beginning, and come out in their turn.
func TestEarlierLinesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		const text = "good 1s\nnew 2s\ngood 3s\n"
		for l := range lines(text) {
			if l.Number != 2 {
				w.finished(&l, "good")
			}
		}
		o := w.options(text)
		o.Ordered = true
		r := NewRun(o)
		if err := r.Recover(t.Context(), lines(text)); err != nil {
			t.Fatal(err)
		}
		if tally := r.Tally(); tally.Earlier != 2 || tally.Credits != 1 {
			t.Errorf("%+v", tally)
		}
		diff(t, "emitted at first", w.emitted, "1 success")
		// One that leaves has them all.
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errors.New("interrupted")) })
		if err := r.Send(ctx, lines(text)); err != nil || r.Tally().Unfinished != 1 {
			t.Errorf("%+v, %v", r.Tally(), err)
		}
		diff(t, "emitted", w.emitted, "1 success", "3 success")
	})
}

// The credits of earlier runs count before anything is sent, in whatever order, and
// what still runs is waited for all the same.
func TestEarlierCreditsStopTheSending(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			const text = "new 1s\ngood 1s\ngood 2s\nrunning 3s\n"
			for l := range lines(text) {
				switch l.Number {
				case 2, 3:
					w.finished(&l, "good")
				case 4:
					w.states[l.Key] = State{Phase: Running}
				}
			}
			o := w.options(text)
			o.Ordered, o.MaxCredits = ordered, 0.6
			tally, err := w.run(o, text)
			if err != ErrCredits || tally.Ended != 3 {
				t.Errorf("ordered %v: %+v, %v", ordered, tally, err)
			}
			diff(t, "sent", w.sent)
			diff(t, "awaited", w.awaited, "running 3s")
		})
	}
}

// Unknown tasks, of which nothing may be heard, do not hold those up that are new.
func TestUnknownTasksTakeNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		const text = "good 1h\ngood 2h\ngood 1s\ngood 1s\n"
		for l := range lines(text) {
			if l.Number < 3 {
				w.states[l.Key] = State{Phase: Unknown, Ticket: "/a"}
			}
		}
		o := w.options(text)
		o.Concurrency = 1
		if _, err := w.run(o, text); err != nil {
			t.Error(err)
		}
		diff(t, "emitted", w.emitted, "3 success", "4 success", "1 success", "2 success")
	})
}

func TestConcurrencyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		text := strings.Repeat("good 1s\n", 1000)
		o := w.options(text)
		o.Concurrency = 10
		start := time.Now()
		if _, err := w.run(o, text); err != nil {
			t.Error(err)
		}
		if w.most != 10 || time.Since(start) != 100*time.Second {
			t.Errorf("%d at once, in %v", w.most, time.Since(start))
		}
	})
}

func TestWhatRunsIsAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		const text = "good 1s\ngood 2s\ngood 3s\ngood 4s\n"
		states := []State{{Phase: Running}, {Phase: Unknown, Ticket: "/a"}, {Phase: Unknown}, {Phase: Pruned}}
		i := 0
		set := func() {
			i = 0
			for l := range lines(text) {
				w.states[l.Key] = states[i]
				i++
			}
		}
		set()
		tally, err := w.run(w.options(text), text)
		if err != nil || tally.Ended != 4 {
			t.Errorf("%+v, %v", tally, err)
		}
		diff(t, "sent", w.sent)
		slices.Sort(w.awaited)
		diff(t, "awaited", w.awaited, "good 1s", "good 2s")
		diff(t, "emitted", w.emitted, "4 pruned", "3 unknown", "1 success", "2 success")
		set()
		o := w.options(text)
		o.ResendUnknown = true
		if _, err := w.run(o, text); err != nil {
			t.Error(err)
		}
		slices.Sort(w.sent)
		diff(t, "sent again", w.sent, "good 2s", "good 3s")
	})
}

func TestAWindowHasOneTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		text := strings.Repeat("good 1s\n", 20) + "good 30s\n"
		var last Line
		for l := range lines(text) {
			last = l
		}
		w.states[last.Key] = State{Phase: Running, Window: "A"}
		o := w.options(text)
		o.Windows = []string{"A", "B", "C"}
		start := time.Now()
		if _, err := w.run(o, text); err != nil {
			t.Error(err)
		}
		if w.overlap || time.Since(start) != 30*time.Second {
			t.Errorf("two in one window: %v; it took %v", w.overlap, time.Since(start))
		}
	})
}

// The only window has a task of an earlier run in it, of the last line.
func TestAnEarlierTasksWindowIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		const text = "good 1s\ngood 2s\ngood 30s\n"
		var last Line
		for l := range lines(text) {
			last = l
		}
		w.states[last.Key] = State{Phase: Running, Window: "A"}
		o := w.options(text)
		o.Windows = []string{"A"}
		tally, err := w.run(o, text)
		if err != nil || w.overlap || tally.Ended != 3 {
			t.Errorf("two in one window: %v; %+v, %v", w.overlap, tally, err)
		}
		diff(t, "emitted", w.emitted, "3 success", "1 success", "2 success")
	})
}

func TestAWindowWhoseTaskDoesNotEndIsNotUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		const text = "endless 1s\nendless 2s\ngood 1s\n"
		o := w.options(text)
		o.Windows = []string{"A", "B"}
		tally, err := w.run(o, text)
		if err != ErrWindows || w.overlap || tally.Unfinished != 2 || tally.Ended != 0 {
			t.Errorf("%+v, %v", tally, err)
		}
	})
}

func TestLimitsStopTheSending(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Options)
		text   string
		want   error
		sent   int
		ended  int
	}{
		"failures":   {func(o *Options) { o.MaxFailures = 2 }, "bad 1s\nbad 2s\nbad 3s\ngood 1s\n", ErrFailures, 2, 2},
		"credits":    {func(o *Options) { o.MaxCredits = 0.6 }, "good 1s\ngood 1s\ngood 1s\n", ErrCredits, 2, 2},
		"not enough": {func(o *Options) { o.MaxFailures = 2 }, "bad 1s\ngood 1s\n", nil, 2, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				o := w.options(test.text)
				o.Concurrency = 1
				test.change(&o)
				tally, err := w.run(o, test.text)
				if err != test.want || len(w.sent) != test.sent || tally.Ended != test.ended {
					t.Errorf("%v, sent %d, %+v", err, len(w.sent), tally)
				}
			})
		})
	}
}

// What is wrong with all lines stops the batch, and what is in flight is waited for.
func TestAFatalOutcomeStopsTheBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		const text = "good 5s\nfatal 1s\ngood 1s\n"
		o := w.options(text)
		o.Concurrency = 2
		tally, err := w.run(o, text)
		if err == nil || err.Error() != "unauthorized" || tally.Ended != 1 || tally.Unfinished != 0 {
			t.Errorf("%+v, %v", tally, err)
		}
		slices.Sort(w.sent)
		diff(t, "sent", w.sent, "fatal 1s", "good 5s")
	})
}

// A reader of the outcomes that takes its time does not keep others from knowing how
// the batch stands.
func TestTheTallyIsThereWhileAnOutcomeIsEmitted(t *testing.T) {
	w := newWorld(t)
	const text = "good 0s\n"
	o := w.options(text)
	var r *Run
	ended := 0
	o.Emit = func(Outcome) error {
		ended = r.Tally().Ended
		return nil
	}
	r = NewRun(o)
	if err := r.Send(t.Context(), lines(text)); err != nil || ended != 1 {
		t.Errorf("%d have ended, %v", ended, err)
	}
}

func TestTheOutputCannotBeWritten(t *testing.T) {
	wrong := errors.New("wrong")
	for name, ordered := range map[string]bool{"in order": true, "as they come": false} {
		w := newWorld(t)
		const text = "good 0s\ngood 0s\n"
		o := w.options(text)
		o.Ordered, o.Concurrency = ordered, 1
		o.Emit = func(Outcome) error { return wrong }
		if err := NewRun(o).Send(t.Context(), lines(text)); err != wrong {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTheEndOfTheContextEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		const text = "good 1s\ngood 1h\ngood 1s\n"
		o := w.options(text)
		o.Concurrency = 1
		wrong := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { cancel(wrong) })
		r := NewRun(o)
		if err := r.Send(ctx, lines(text)); err != wrong {
			t.Errorf("got %v", err)
		}
		if tally := r.Tally(); tally.Ended != 1 || tally.Unfinished != 1 {
			t.Errorf("%+v", tally)
		}
	})
}

// slowBook does not answer before its context ends.
type slowBook struct{ *world }

func (slowBook) Look(ctx context.Context, _ []Key) (map[Key]State, error) {
	<-ctx.Done()
	return nil, fmt.Errorf("the book: %w", ctx.Err())
}

// Whoever leaves while the book is read has left; nothing is wrong with the book.
func TestTheEndOfTheContextIsNotTheBooksFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		const text = "good 1s\n"
		o := w.options(text)
		o.Book = slowBook{w}
		wrong := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(wrong) })
		if err := NewRun(o).Recover(ctx, lines(text)); err != wrong {
			t.Errorf("got %v", err)
		}
	})
}
