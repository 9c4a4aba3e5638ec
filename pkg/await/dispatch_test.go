package await

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
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/narada-cli/narada/pkg/narada"
)

func TestADispatchIsRetriedOnlyIfItWasNotAccepted(t *testing.T) {
	refused := &narada.DispatchError{Err: &narada.APIError{StatusCode: 429, RetryAfter: 20 * time.Second}}
	unsent := &narada.DispatchError{Err: errors.New("connection refused")}
	tests := []struct {
		name       string
		errs       []error
		dispatches int
		ok         bool
		least      time.Duration
	}{
		{"429 with Retry-After, twice", []error{refused, refused}, 3, true, 40 * time.Second},
		{"never sent, once", []error{unsent}, 2, true, 0},
		{"422", []error{&narada.DispatchError{Err: &narada.APIError{StatusCode: 422}}}, 1, false, 0},
		{"401", []error{&narada.DispatchError{Err: &narada.APIError{StatusCode: 401}}}, 1, false, 0},
		{"502", []error{&narada.DispatchError{Maybe: true, Err: &narada.APIError{StatusCode: 502}}}, 1, false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, every(time.Second))
				w.cloud.dispatch = func(_ context.Context, n int) (string, error) {
					if n <= len(tt.errs) {
						return "", tt.errs[n-1]
					}
					return "req_1", nil
				}
				w.cloud.answers(success(t, "x"))
				_, err := w.run(t.Context())
				if (err == nil) != tt.ok || w.cloud.dispatches != tt.dispatches || time.Since(w.cloud.start) < tt.least {
					t.Errorf("%v after %d dispatches and %v", err, w.cloud.dispatches, time.Since(w.cloud.start))
				}
			})
		})
	}
}

func TestAnUnreachableAPIIsRetriedForHalfAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, every(time.Second))
		w.cloud.dispatch = func(context.Context, int) (string, error) {
			return "", &narada.DispatchError{Err: errors.New("connection refused")}
		}
		_, err := w.run(t.Context())
		if failure, ok := errors.AsType[*narada.DispatchError](err); !ok || failure.Maybe {
			t.Errorf("got %v", err)
		}
		if took := time.Since(w.cloud.start); took > unreachableLimit || w.cloud.dispatches < 4 {
			t.Errorf("%d dispatches in %v", w.cloud.dispatches, took)
		}
	})
}

func TestACallbackThatProvesAcceptanceEndsTheRetries(t *testing.T) {
	after := []error{
		&narada.DispatchError{Err: &narada.APIError{StatusCode: 503, RetryAfter: 10 * time.Second}},
		&narada.DispatchError{Err: &narada.APIError{StatusCode: 401}},
		&narada.DispatchError{Maybe: true, Err: &narada.APIError{StatusCode: 502}},
	}
	for _, failure := range after {
		t.Run(failure.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, withEndpoint, every(3*time.Second))
				w.cloud.dispatch = func(context.Context, int) (string, error) {
					_ = w.callback(asking(t, "in_1"))
					time.Sleep(time.Second)
					return "", failure
				}
				w.cloud.answers(success(t, "x"))
				a, err := w.run(t.Context())
				if err != nil || a.Result.Text() != "x" || w.cloud.dispatches != 1 {
					t.Errorf("%+v, %v, %d dispatches", a, err, w.cloud.dispatches)
				}
				if diff := cmp.Diff([]string{"accepted req_1 by callback", "asked req_1 in_1"}, w.noted(), cmpopts.SortSlices(strings.Compare)); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestACallbackDuringAPauseEndsTheRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withEndpoint, every(time.Second))
		w.cloud.dispatch = func(context.Context, int) (string, error) {
			return "", &narada.DispatchError{Err: &narada.APIError{StatusCode: 503, RetryAfter: time.Minute}}
		}
		w.callbackAfter(time.Second, asking(t, "in_1"))
		w.callbackAfter(5*time.Minute, success(t, "x"))
		if _, err := w.run(t.Context()); err != nil || w.cloud.dispatches != 1 {
			t.Errorf("%v after %d dispatches", err, w.cloud.dispatches)
		}
	})
}

func TestASecondAcceptanceIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withEndpoint, every(time.Hour))
		w.cloud.dispatch = func(_ context.Context, n int) (string, error) {
			if n == 1 {
				return "", &narada.DispatchError{Err: &narada.APIError{StatusCode: 429}}
			}
			_ = w.callback(asking(t, "in_1"))
			time.Sleep(time.Second)
			return "req_2", nil
		}
		w.callbackAfter(time.Minute, success(t, "x"))
		if _, err := w.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		want(t, "events", w.noted(), []string{"resending", "accepted req_1 by callback", "asked req_1 in_1", "accepted twice req_2"})
	})
}

func TestNothingIsDispatchedAfterTheContextEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, every(time.Second))
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("interrupted"))
		_, err := w.run(ctx)
		if failure, ok := errors.AsType[*narada.DispatchError](err); !ok || failure.Maybe || w.cloud.dispatches != 0 {
			t.Errorf("%v after %d dispatches", err, w.cloud.dispatches)
		}
	})
}

func TestADispatchWithoutTimeForARetryReturnsANoTimeError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, every(time.Second))
		w.cloud.dispatch = func(context.Context, int) (string, error) {
			return "", &narada.DispatchError{Err: &narada.APIError{StatusCode: 503, RetryAfter: time.Minute}}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		_, err := w.run(ctx)
		noTime, ok := errors.AsType[*NoTimeError](err)
		if !ok || !strings.HasSuffix(err.Error(), "no time is left to retry") || w.cloud.dispatches != 1 {
			t.Errorf("%v after %d dispatches", err, w.cloud.dispatches)
		}
		if api, ok := errors.AsType[*narada.APIError](noTime); !ok || api.StatusCode != 503 {
			t.Errorf("%v", noTime)
		}
	})
}

func TestAStopEndsThePauseBeforeARetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stopped := make(chan struct{})
		w := newWorld(t, every(time.Second), func(o *Options, _ *world) { o.Stopped = stopped })
		w.cloud.dispatch = func(context.Context, int) (string, error) {
			return "", &narada.DispatchError{Err: &narada.APIError{StatusCode: 503, RetryAfter: time.Hour}}
		}
		time.AfterFunc(time.Second, func() { close(stopped) })
		start := time.Now()
		_, err := w.run(t.Context())
		api, ok := errors.AsType[*narada.APIError](err)
		if !ok || api.StatusCode != 503 || time.Since(start) != time.Second || w.cloud.dispatches != 1 {
			t.Errorf("%v after %d dispatches, %v", err, w.cloud.dispatches, time.Since(start))
		}
	})
}

// The callback of the first attempt arrives while the dispatch is retried.
func TestASecondAcceptanceIsReportedAtTheEndOfTheWait(t *testing.T) {
	for _, tt := range []struct {
		name, id string
		err      error
		want     string
	}{
		{"accepted", "req_2", nil, "accepted twice req_2"},
		{"not known", "", &narada.DispatchError{Maybe: true, Err: errors.New("cut")}, "accepted twice "},
		{"refused", "", &narada.DispatchError{Err: &narada.APIError{StatusCode: 422}}, ""},
		{"the same", "req_1", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, withEndpoint, every(time.Minute))
				w.cloud.dispatch = func(_ context.Context, n int) (string, error) {
					if n == 1 {
						return "", &narada.DispatchError{Err: &narada.APIError{StatusCode: 503, RetryAfter: time.Second}}
					}
					time.Sleep(500 * time.Millisecond)
					return tt.id, tt.err
				}
				w.callbackAfter(1200*time.Millisecond, success(t, "x"))
				a, err := w.run(t.Context())
				if err != nil || a.Result.Text() != "x" {
					t.Errorf("%v, %v", a, err)
				}
				reported := ""
				for _, note := range w.noted() {
					if strings.HasPrefix(note, "accepted twice") {
						reported = note
					}
				}
				if reported != tt.want {
					t.Errorf("reported %q", w.noted())
				}
			})
		})
	}
}

// The first attempt was refused, and the answer to the retry was lost: the callback is of
// the retry.
func TestALostAnswerToARetryIsNotASecondAcceptance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withEndpoint)
		w.cloud.dispatch = func(_ context.Context, n int) (string, error) {
			return "", &narada.DispatchError{Maybe: n > 1, Err: &narada.APIError{StatusCode: 429}}
		}
		w.callbackAfter(time.Minute, success(t, "x"))
		if _, err := w.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		want(t, "events", w.noted(), []string{"resending", "answer lost", "accepted req_1 by callback"})
	})
}

func TestADispatchCallThatHangsTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cloud.dispatch = func(call context.Context, _ int) (string, error) {
			<-call.Done()
			return "", &narada.DispatchError{Maybe: true, Err: call.Err()}
		}
		_, err := w.run(t.Context())
		if took := time.Since(w.cloud.start); !errors.Is(err, context.DeadlineExceeded) || took != dispatchLimit {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// The answer is of the attempt that the cloud had refused.
func TestTheSecondTaskIsReportedWhicheverAnswersFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withEndpoint, every(time.Hour))
		w.cloud.dispatch = func(_ context.Context, n int) (string, error) {
			if n == 1 {
				return "", &narada.DispatchError{Err: &narada.APIError{StatusCode: 503}}
			}
			return "req_2", nil
		}
		w.callbackAfter(time.Minute, success(t, "x"))
		answer, err := w.run(t.Context())
		if err != nil || answer.RequestID != "req_1" {
			t.Fatalf("%+v, %v", answer, err)
		}
		want(t, "events", w.noted(), []string{"resending", "accepted req_2 by poll", "accepted twice req_2"})
	})
}

func TestAnAnswerThatHasArrivedCountsDespiteALostDispatch(t *testing.T) {
	w := newWorld(t, withEndpoint)
	waiter := newWaiter()
	waiter.sent, waiter.over = &dispatching{err: &narada.DispatchError{Maybe: true, Err: errors.New("cut")}}, errors.New("interrupted")
	waiter.sent.stopResending = func() {}
	waiter.put(callbacksClosed{})
	waiter.put(dispatchEnded{})
	waiter.put(heard{Answer{Result: success(t, "x"), By: ByCallback}})
	if ended, err := w.engine.hear(waiter); !ended || err != nil || waiter.answer.Result == nil {
		t.Errorf("ended %v, %v, answer %+v", ended, err, waiter.answer)
	}
}

// A process that is killed in the pause leaves the task as not accepted, and one that is
// killed during the call as unknown.
func TestARefusalIsStoredUntilTheRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withStore)
		var atCall [][]string
		w.cloud.dispatch = func(_ context.Context, n int) (string, error) {
			atCall = append(atCall, w.store.written())
			if n < 3 {
				return "", &narada.DispatchError{Err: &narada.APIError{StatusCode: 429, RetryAfter: time.Minute}}
			}
			return "req_1", nil
		}
		inPause := make(chan []string, 1)
		time.AfterFunc(time.Second, func() { inPause <- w.store.written() })
		w.cloud.answers(success(t, "x"))
		if _, err := w.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		all := []string{"intend run https://api.example x ", "refused 7 ", "retried 7", "refused 7 ", "retried 7", "accepted 7 req_1", "polled req_1 success"}
		want(t, "writes", w.store.writes, all)
		want(t, "writes in the pause", <-inPause, all[:2])
		for i, writes := range atCall {
			want(t, fmt.Sprint("writes at call ", i), writes, all[:1+2*i])
		}
	})
}

func TestATaskThatMustBeStoredIsNotRetriedWithoutTheStore(t *testing.T) {
	for _, must := range []bool{true, false} {
		t.Run(fmt.Sprint(must), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, withStore, failing("retried"))
				w.cloud.dispatch = func(_ context.Context, n int) (string, error) {
					if n == 1 {
						return "", &narada.DispatchError{Err: &narada.APIError{StatusCode: 503, RetryAfter: time.Second}}
					}
					return "req_1", nil
				}
				w.cloud.answers(success(t, "x"))
				_, err := w.engine.Run(t.Context(), Job{Request: &narada.Request{Prompt: "x"}, MustKeep: must})
				failure, failed := errors.AsType[*narada.DispatchError](err)
				if _, notKept := errors.AsType[*NotKeptError](err); notKept != must || failed && failure.Maybe || (w.cloud.dispatches == 1) != must {
					t.Errorf("%v after %d dispatches", err, w.cloud.dispatches)
				}
				if notes := w.noted(); !slices.Contains(notes, fmt.Sprint("loss ", LossProgress)) {
					t.Errorf("events %q", notes)
				}
			})
		})
	}
}
