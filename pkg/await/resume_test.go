package await

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

func TestResumeReturnsTheAnswerOfATask(t *testing.T) {
	for name, test := range map[string]struct {
		task   Dispatched
		kept   bool
		act    func(t *testing.T, w *world)
		by     Way
		events []string
		writes []string
	}{
		"it has ended already": {task: Dispatched{Task: 5, RequestID: "req_1"}, kept: true, by: ByCallback},
		"from polling": {
			task: Dispatched{Task: 5, RequestID: "req_1"}, act: func(*testing.T, *world) {},
			by: ByPoll, writes: []string{"polled req_1 pending", "polled req_1 success"},
		},
		"from its callback": {
			task: Dispatched{Task: 5, RequestID: "req_1", Ticket: "/narada/1"},
			act:  func(t *testing.T, w *world) { _ = w.callback(success(t, "x")) },
			by:   ByCallback, writes: []string{"polled req_1 pending", "delivered /narada/1 success"},
		},
		"a callback names it": {
			task: Dispatched{Task: 5, Ticket: "/narada/1"},
			act:  func(t *testing.T, w *world) { _ = w.callback(pending(t)) },
			by:   ByPoll, events: []string{"accepted req_1 by callback"},
			writes: []string{"delivered /narada/1 pending", "accepted 5 req_1", "polled req_1 success"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, withEndpoint, withStore)
				w.cloud.status = func(n int, _ string) (*narada.Result, error) {
					if n < 3 {
						return pending(t), nil
					}
					return success(t, "x"), nil
				}
				if test.kept {
					w.store.finals[5] = success(t, "x")
				} else {
					time.AfterFunc(time.Millisecond, func() { test.act(t, w) })
				}
				start := time.Now()
				a, err := w.engine.Resume(t.Context(), test.task)
				if err != nil || a.By != test.by || a.Result.Text() != "x" || a.Task != 5 {
					t.Errorf("got %+v, %v", a, err)
				}
				if took := time.Since(start); test.task.Ticket == "" && took > 10*time.Second {
					t.Errorf("it took %v, although only polls can answer", took)
				}
				if test.kept && len(w.cloud.polled()) > 0 {
					t.Errorf("polled at %v", w.cloud.polled())
				}
				want(t, "events", w.noted(), test.events)
				want(t, "writes", w.store.writes, test.writes)
			})
		})
	}
}

func TestResumeEndsIfNoAnswerCanArrive(t *testing.T) {
	for name, test := range map[string]struct {
		id     string
		setups []setup
		closed bool
		want   error
	}{
		"time is over":                  {"req_1", []setup{withEndpoint}, false, context.DeadlineExceeded},
		"no source for an unknown task": {"", []setup{withEndpoint}, true, errNoCallbacks},
		"nor without an endpoint":       {"", nil, false, errNoCallbacks},
		"a known task is polled":        {"req_1", []setup{withEndpoint}, true, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, test.setups...)
				if test.closed {
					time.AfterFunc(time.Second, func() { w.engine.Endpoint(EndpointClosed, nil) })
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, err := w.engine.Resume(ctx, Dispatched{RequestID: test.id, Ticket: "/narada/1"})
				unfinished, ok := errors.AsType[*UnfinishedError](err)
				if !ok || unfinished.ID != test.id || !errors.Is(err, test.want) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// The store is read with a context that has not ended: otherwise the end of ctx would look
// like an error of the store.
func TestResumeReadsTheStoreAfterItsContextEnded(t *testing.T) {
	for _, there := range []bool{true, false} {
		t.Run(fmt.Sprint(there), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, withEndpoint, withStore)
				ctx, cancel := context.WithTimeout(t.Context(), -time.Second)
				defer cancel()
				if there {
					w.store.finals[5] = success(t, "x")
				}
				a, err := w.engine.Resume(ctx, Dispatched{Task: 5, Ticket: "/narada/1"})
				if _, unfinished := errors.AsType[*UnfinishedError](err); unfinished == there || there && a.Result.Text() != "x" {
					t.Errorf("got %+v, %v", a, err)
				}
			})
		})
	}
}

func TestResumeReturnsTheErrorOfTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withStore, failing("final"))
		if _, err := w.engine.Resume(t.Context(), Dispatched{Task: 5, RequestID: "req_1"}); !errors.Is(err, w.store.fails["final"]) {
			t.Errorf("got %v", err)
		}
	})
}

// collect returns what an iterator yields, one line each.
func collect(t *testing.T, w *world, ctx context.Context, once bool, ids ...string) (lines []string) {
	t.Helper()
	for a, err := range w.engine.each(ctx, ids, once) {
		unfinished, _ := errors.AsType[*UnfinishedError](err)
		switch {
		case err == nil:
			lines = append(lines, strings.TrimSpace(a.RequestID+" "+string(a.Result.Status)+" by "+string(a.By)+" "+a.Result.Text()))
		case unfinished == nil:
			t.Fatal(err)
		default:
			lines = append(lines, unfinished.ID+": "+unfinished.Cause.Error())
		}
	}
	return lines
}

func named(t *testing.T, id string, r *narada.Result) *narada.Result {
	return result(t, strings.Replace(string(r.Raw()), "req_1", id, 1))
}

func TestAwaitYieldsAnswersInTheOrderOfTheIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withStore)
		w.store.tasks["req_kept"] = store.Task{Number: 1, RequestID: "req_kept", FinishedAt: time.Now()}
		w.store.finals[1] = named(t, "req_kept", success(t, "x"))
		w.store.tasks["req_mine"] = store.Task{Number: 2, RequestID: "req_mine", TicketPath: "/narada/mine"}
		w.cloud.status = func(n int, id string) (*narada.Result, error) {
			switch {
			case id == "req_gone":
				return nil, &narada.APIError{StatusCode: 404}
			case id == "req_slow" && time.Since(w.cloud.start) > 5*time.Minute:
				return named(t, id, success(t, "x")), nil
			}
			return named(t, id, asking(t, "in_1")), nil
		}
		time.AfterFunc(time.Minute, func() {
			w.store.others <- entry("/narada/other", named(t, "req_mine", success(t, "not its ticket")))
			w.store.others <- entry("/narada/mine", named(t, "req_mine", success(t, "x")))
			w.store.others <- entry("/narada/any", named(t, "req_elsewhere", success(t, "x")))
		})
		want(t, "answers", collect(t, w, t.Context(), false, "req_slow", "req_kept", "req_mine", "req_elsewhere", "req_gone"), []string{
			"req_slow success by poll x", "req_kept success by callback x", "req_mine success by callback x",
			"req_elsewhere success by callback x", "req_gone: " + (&narada.APIError{StatusCode: 404}).Error(),
		})
		if w.cloud.start.Add(7 * time.Minute).Before(time.Now()) {
			t.Errorf("it took %v", time.Since(w.cloud.start))
		}
		for _, id := range []string{"req_slow", "req_mine", "req_elsewhere"} {
			if count := strings.Count(strings.Join(w.noted(), "\n"), "asked "+id); count != 1 {
				t.Errorf("a person was asked %d times for %s", count, id)
			}
		}
	})
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("limit"))
		defer cancel()
		want(t, "answers", collect(t, w, ctx, false, "req_1", "req_2"), []string{"req_1: limit", "req_2: limit"})
	})
}

func TestLookUpYieldsTheFirstState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withStore)
		w.store.tasks["req_asks"] = store.Task{Number: 1, RequestID: "req_asks", FinishedAt: time.Now()}
		w.store.finals[1] = named(t, "req_asks", success(t, "x"))
		w.cloud.status = func(n int, id string) (*narada.Result, error) {
			switch {
			case id == "req_never":
				return nil, &narada.APIError{StatusCode: 503}
			case id == "req_late" && n < 8:
				return nil, &narada.APIError{StatusCode: 503}
			case id == "req_refused":
				return nil, &narada.APIError{StatusCode: 401}
			}
			return named(t, id, asking(t, "in_1")), nil
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("limit"))
		defer cancel()
		want(t, "answers", collect(t, w, ctx, true, "req_late", "req_never", "req_refused", "req_asks"), []string{
			"req_late input-required by poll", "req_never: limit",
			"req_refused: " + (&narada.APIError{StatusCode: 401}).Error(), "req_asks input-required by poll",
		})
		for _, note := range w.noted() {
			if strings.HasPrefix(note, "asked") {
				t.Errorf("events %q", w.noted())
			}
		}
		if writes := strings.Join(w.store.writes, "\n"); !strings.Contains(writes, "polled req_late input-required") || !strings.Contains(writes, "polled req_asks input-required") {
			t.Errorf("writes %q", writes)
		}
	})
}

func TestBreakingAnIterationEndsTheWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cloud.status = func(_ int, id string) (*narada.Result, error) {
			if id == "req_1" {
				return success(t, "x"), nil
			}
			return named(t, id, pending(t)), nil
		}
		for range w.engine.Await(t.Context(), "req_1", "req_2") {
			break
		}
		before := len(w.cloud.polled())
		time.Sleep(time.Hour)
		if after := len(w.cloud.polled()); after != before {
			t.Errorf("%d polls more", after-before)
		}
	})
}
