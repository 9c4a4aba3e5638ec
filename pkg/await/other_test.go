package await

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

func TestACallbackThatNamesAnotherTaskIsNotTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withEndpoint, withStore, every(time.Hour))
		for i := range 3 {
			w.callbackAfter(time.Duration(i+1)*time.Second, named(t, "req_2", success(t, "of another")))
		}
		w.callbackAfter(time.Minute, success(t, "x"))
		a, err := w.run(t.Context())
		if err != nil || a.RequestID != "req_1" || a.Result.Text() != "x" {
			t.Errorf("%+v, %v", a, err)
		}
		want(t, "events", w.noted(), []string{"accepted req_1 by poll", "other task req_1 req_2"})
		want(t, "writes", w.store.writes[2:4], []string{"delivered /narada/1 success", "delivered /narada/1 success"})
	})
}

func TestACallbackThatNamesAnotherTaskDoesNotAnswerAResumedWait(t *testing.T) {
	for name, wait := range map[string]func(context.Context, *Engine) (Answer, error){
		"resume": func(ctx context.Context, e *Engine) (Answer, error) {
			return e.Resume(ctx, Dispatched{Task: 5, RequestID: "req_1", Ticket: "/narada/1"})
		},
		"await": func(ctx context.Context, e *Engine) (a Answer, err error) {
			for a, err = range e.Await(ctx, "req_1") {
				return a, err
			}
			return a, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, withStore)
				w.store.tasks["req_1"] = store.Task{Number: 5, RequestID: "req_1", TicketPath: "/narada/1"}
				w.callbackAfter(time.Second, named(t, "req_2", success(t, "of another")))
				w.callbackAfter(2*time.Second, success(t, "x"))
				if a, err := wait(t.Context(), w.engine); err != nil || a.Result.Text() != "x" {
					t.Errorf("%+v, %v", a, err)
				}
				want(t, "events", w.noted(), []string{"other task req_1 req_2"})
			})
		})
	}
}

// The dispatch was sent once: its answer names the task.
func TestTheDispatchesAnswerNamesTheTaskWhateverACallbackNamedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withEndpoint, withStore, every(time.Second))
		w.cloud.dispatch = func(ctx context.Context, _ int) (string, error) {
			Sleep(ctx, 2*time.Second)
			return "req_1", nil
		}
		w.cloud.status = func(_ int, id string) (*narada.Result, error) { return named(t, id, pending(t)), nil }
		w.callbackAfter(time.Second, named(t, "req_2", asking(t, "in_1")))
		w.callbackAfter(time.Minute, success(t, "x"))
		a, err := w.run(t.Context())
		if err != nil || a.RequestID != "req_1" || a.Result.Text() != "x" {
			t.Errorf("%+v, %v", a, err)
		}
		want(t, "events", w.noted(), []string{"accepted req_2 by callback", "asked req_2 in_1", "other task req_1 req_2"})
		if writes := strings.Join(w.store.writes, "\n"); !strings.Contains(writes, "accepted twice 7 req_1") {
			t.Errorf("writes %q", writes)
		}
		if left := len(w.engine.byID) + len(w.engine.byTicket); left != 0 {
			t.Errorf("%d waiters are left", left)
		}
	})
}

// impossible are IDs that would change the URL of a status call, or a line of text.
var impossible = []string{"../../x", "req_1\nreq_2", strings.Repeat("x", 1<<20), " "}

func TestAnImpossibleIDOfACallbackIsNotUsed(t *testing.T) {
	for _, id := range impossible {
		for _, known := range []bool{true, false} {
			t.Run(fmt.Sprintf("%.10q known %v", id, known), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, withEndpoint, withStore, every(time.Second))
					if !known {
						w.cloud.dispatch = func(context.Context, int) (string, error) {
							return "", &narada.DispatchError{Maybe: true, Err: errors.New("the answer's requestId is not valid")}
						}
					}
					w.cloud.status = func(_ int, asked string) (*narada.Result, error) {
						if asked != "req_1" {
							t.Errorf("polled for %.10q", asked)
						}
						return pending(t), nil
					}
					odd := strings.NewReplacer("\n", "\\n").Replace(id)
					w.callbackAfter(time.Minute, named(t, odd, asking(t, "in_1")))
					w.callbackAfter(2*time.Minute, named(t, odd, success(t, "odd")))
					w.callbackAfter(3*time.Minute, success(t, "x"))
					a, err := w.run(t.Context())
					text, events := "x", []string{"accepted req_1 by poll", "other task req_1 " + id}
					if !known { // its ticket proves that it is the answer
						text, events = "odd", []string{"answer lost", "other task  " + id}
					}
					if err != nil || a.Result.Text() != text {
						t.Errorf("%+v, %v", a.Result, err)
					}
					want(t, "events", w.noted(), events)
				})
			})
		}
	}
}

func TestTheTextOfAnotherTaskIsOneShortLine(t *testing.T) {
	for want, e := range map[string]OtherTask{
		"a callback for req_1 names another task, req_2":                                {RequestID: "req_1", Named: "req_2"},
		`a callback for req_1 names "../x\ny", which is not a request ID`:               {RequestID: "req_1", Named: "../x\ny"},
		`a callback names "` + strings.Repeat("x", 60) + `", which is not a request ID`: {Named: strings.Repeat("x", 1<<20)},
	} {
		if got := e.Text(); got != want {
			t.Errorf("got %.200q, want %q", got, want)
		}
	}
}

func TestAnInvalidStatusAnswerDoesNotEndThePolling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, every(time.Second))
		w.cloud.status = func(n int, _ string) (*narada.Result, error) {
			switch {
			case n < 6:
				return nil, &narada.AnswerError{StatusCode: 200, Reason: "the answer is about another task", OtherTask: "req_2"}
			case n < 8:
				return nil, &narada.AnswerError{StatusCode: 200, Reason: "the answer is not JSON"}
			}
			return success(t, "x"), nil
		}
		if _, err := w.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		want(t, "events", w.noted(), []string{"accepted req_1 by poll", "polls fail", "poll failed", "poll failed", "poll failed", "poll failed", "poll failed", "poll failed"})
	})
}

func TestAnAnswerThatIsTooLargeEndsTheWait(t *testing.T) {
	for name, setups := range map[string][]setup{"polling alone": nil, "beside an endpoint": {withEndpoint}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, setups...)
				w.cloud.status = func(int, string) (*narada.Result, error) { return nil, &narada.TooLargeError{Limit: 7} }
				_, err := w.run(t.Context())
				u, ok := errors.AsType[*UnfinishedError](err)
				if _, tooLarge := errors.AsType[*narada.TooLargeError](err); !ok || !tooLarge || u.ID != "req_1" || len(w.cloud.polled()) != 1 {
					t.Errorf("%v after %d polls", err, len(w.cloud.polled()))
				}
			})
		})
	}
}

// In a network with a portal to log in at, a connection fails for a while.
func TestACertificateThatIsInvalidEndsTheWaitUnlessTheAPIHasAnswered(t *testing.T) {
	invalid := &url.Error{Err: &tls.CertificateVerificationError{Err: errors.New("unknown authority")}}
	for name, test := range map[string]struct {
		wait func(context.Context, *world) error
		ends bool
	}{
		"at the dispatch": {func(ctx context.Context, w *world) error {
			w.cloud.dispatch = func(context.Context, int) (string, error) { return "", &narada.DispatchError{Err: invalid} }
			_, err := w.run(ctx)
			return err
		}, true},
		"at the first status call": {func(ctx context.Context, w *world) error {
			_, err := w.engine.Resume(ctx, Dispatched{RequestID: "req_1"})
			return err
		}, true},
		"after the dispatch": {func(ctx context.Context, w *world) error {
			_, err := w.run(ctx)
			return err
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, every(time.Second))
				w.cloud.status = func(n int, _ string) (*narada.Result, error) {
					if n < 5 {
						return nil, invalid
					}
					return success(t, "x"), nil
				}
				if err := test.wait(t.Context(), w); errors.Is(err, invalid) != test.ends || (err != nil) != test.ends {
					t.Errorf("got %v", err)
				}
				if took := time.Since(w.cloud.start); test.ends && took > 0 {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

func TestAReusedRequestIDIsReportedAndTheWaitContinues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withStore)
		w.store.fails["accepted"] = fmt.Errorf("the ledger: %w", &store.ReusedIDError{RequestID: "req_1", Task: 3})
		w.cloud.answers(success(t, "x"))
		answers := make(chan error)
		for range 2 {
			go func() {
				_, err := w.run(t.Context())
				answers <- err
			}()
		}
		for range 2 {
			if err := <-answers; err != nil {
				t.Error(err)
			}
		}
		counts := map[string]int{}
		for _, note := range w.noted() {
			counts[note]++
		}
		if counts["reused req_1 of 3"] != 2 || counts["accepted req_1 by poll"] != 2 || len(counts) != 2 {
			t.Errorf("events %v", counts)
		}
	})
}
