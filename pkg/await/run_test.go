package await

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/webhook"
)

func want(t *testing.T, what string, got, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestACallbackIsTheAnswerWithoutAPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withEndpoint)
		w.callbackAfter(10*time.Second, success(t, "called back"))
		w.callbackAfter(10*time.Second+1, success(t, "again"))
		a, err := w.run(t.Context())
		if err != nil || a.By != ByCallback || a.Result.Text() != "called back" || len(w.cloud.polled()) != 0 {
			t.Errorf("%+v, %v, polls %v", a, err, w.cloud.polled())
		}
		r := w.cloud.request
		if r.CallbackURL != "https://callbacks.example/narada/1" || r.CallbackSecret != "s3cr3t" || r.CallbackHeaders["Authorization"] != "Bearer t0k3n" {
			t.Errorf("the request asks for a callback to %s, with %v", r.CallbackURL, r.CallbackHeaders)
		}
	})
}

func TestPollingFindsTheAnswerOfALostCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withEndpoint)
		w.cloud.answers(success(t, "polled"))
		a, err := w.run(t.Context())
		if err != nil || a.By != ByPoll || w.cloud.polled()[0] != 15*time.Second {
			t.Errorf("%+v, %v, polls %v", a, err, w.cloud.polled())
		}
	})
}

func TestACallbackMayArriveBeforeTheDispatchAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withEndpoint)
		w.cloud.dispatch = func(ctx context.Context, _ int) (string, error) {
			Sleep(ctx, 5*time.Second)
			return "req_1", nil
		}
		w.callbackAfter(time.Second, success(t, "early"))
		a, err := w.run(t.Context())
		if err != nil || a.Result.Text() != "early" || w.cloud.dispatches != 1 {
			t.Errorf("%+v, %v, %d dispatches", a, err, w.cloud.dispatches)
		}
		want(t, "events", w.noted(), []string{"accepted req_1 by callback"})
	})
}

func TestATaskWithALostDispatchAnswerIsAwaitedByItsTicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withEndpoint, withStore)
		w.cloud.dispatch = func(context.Context, int) (string, error) {
			return "", &narada.DispatchError{Maybe: true, Err: &narada.APIError{StatusCode: 502}}
		}
		w.callbackAfter(time.Minute, asking(t, "in_1"))
		w.cloud.answers(success(t, "found by the ID that the callback named"))
		a, err := w.run(t.Context())
		if err != nil || a.By != ByPoll || w.cloud.dispatches != 1 {
			t.Errorf("%+v, %v, %d dispatches", a, err, w.cloud.dispatches)
		}
		want(t, "events", w.noted(), []string{"answer lost", "accepted req_1 by callback", "asked req_1 in_1"})
		want(t, "writes", w.store.writes, []string{
			"intend run https://api.example x /narada/1", "delivered /narada/1 input-required", "accepted 7 req_1", "polled req_1 success",
		})
	})
}

func TestATaskWithALostDispatchAnswerIsUnknownWithoutATicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withStore)
		w.cloud.dispatch = func(context.Context, int) (string, error) {
			return "", &narada.DispatchError{Maybe: true, Err: &narada.APIError{StatusCode: 502}}
		}
		_, err := w.run(t.Context())
		if failure, ok := errors.AsType[*narada.DispatchError](err); !ok || !failure.Maybe || w.cloud.dispatches != 1 {
			t.Errorf("%v after %d dispatches", err, w.cloud.dispatches)
		}
		want(t, "events", w.noted(), nil)
		want(t, "writes", w.store.writes, []string{"intend run https://api.example x "})
	})
}

func TestATaskIsUnknownIfNoCallbackShowsItsTicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withEndpoint)
		w.cloud.dispatch = func(context.Context, int) (string, error) {
			return "", &narada.DispatchError{Maybe: true, Err: errors.New("cut")}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := w.run(ctx)
		if u, ok := errors.AsType[*UnfinishedError](err); !ok || u.ID != "" || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAnInterruptedDispatchHasASecondToReturnTheID(t *testing.T) {
	for _, tt := range []struct {
		takes  time.Duration
		id     string
		writes []string
	}{
		{800 * time.Millisecond, "req_1", []string{"intend run https://api.example x ", "accepted 7 req_1"}},
		{time.Hour, "", []string{"intend run https://api.example x "}},
	} {
		t.Run(fmt.Sprint(tt.takes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, withStore)
				ctx, cancel := context.WithCancelCause(t.Context())
				w.cloud.dispatch = func(call context.Context, _ int) (string, error) {
					cancel(errors.New("interrupted"))
					if Sleep(call, tt.takes) {
						return "req_1", nil
					}
					return "", &narada.DispatchError{Maybe: true, Err: call.Err()}
				}
				start := time.Now()
				_, err := w.run(ctx)
				u, ok := errors.AsType[*UnfinishedError](err)
				if !ok || u.ID != tt.id || u.Cause.Error() != "interrupted" || time.Since(start) > time.Second {
					t.Errorf("%v after %v", err, time.Since(start))
				}
				want(t, "writes", w.store.writes, tt.writes)
			})
		})
	}
}

// An interrupted command does not wait for a callback.
func TestAnInterruptEndsTheWaitForALostDispatchAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withEndpoint)
		ctx, cancel := context.WithCancelCause(t.Context())
		interrupted := errors.New("interrupted")
		w.cloud.dispatch = func(context.Context, int) (string, error) {
			cancel(interrupted)
			return "", &narada.DispatchError{Maybe: true, Err: errors.New("cut")}
		}
		_, err := w.run(ctx)
		if u, ok := errors.AsType[*UnfinishedError](err); !ok || u.ID != "" || u.Cause != interrupted {
			t.Errorf("got %v", err)
		}
		want(t, "events", w.noted(), nil)
	})
}

func TestAnInterruptBeforeTheAcceptanceReturnsADispatchError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withStore)
		ctx, cancel := context.WithCancelCause(t.Context())
		interrupted := errors.New("interrupted")
		time.AfterFunc(2*time.Second, func() { cancel(interrupted) })
		w.cloud.dispatch = func(context.Context, int) (string, error) {
			return "", &narada.DispatchError{Err: &narada.APIError{StatusCode: 429, RetryAfter: time.Minute}}
		}
		_, err := w.run(ctx)
		failure, ok := errors.AsType[*narada.DispatchError](err)
		if !ok || failure.Maybe || !errors.Is(err, interrupted) {
			t.Errorf("got %v", err)
		}
		want(t, "writes", w.store.writes, []string{"intend run https://api.example x ", "refused 7 "})
	})
}

// The cloud repeats a callback whose acknowledgement was lost.
func TestARepeatedCallbackIsAcknowledgedAndChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withEndpoint, every(time.Hour))
		repeated := func(after time.Duration, r *narada.Result) {
			for range 3 {
				time.AfterFunc(after, func() {
					if err := w.callback(r); err != nil {
						t.Error(err)
					}
				})
			}
		}
		repeated(time.Second, asking(t, "in_1"))
		repeated(time.Minute, success(t, "x"))
		repeated(time.Hour, success(t, "x"))
		a, err := w.run(t.Context())
		if err != nil || a.Result.Text() != "x" || a.By != ByCallback {
			t.Errorf("%+v, %v", a, err)
		}
		time.Sleep(2 * time.Hour)
		want(t, "events", w.noted(), []string{"accepted req_1 by poll", "asked req_1 in_1"})
	})
}

func TestPollingReplacesALostTunnel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withEndpoint, every(time.Minute))
		time.AfterFunc(10*time.Second, func() { w.engine.Endpoint(EndpointLost, nil) })
		time.AfterFunc(100*time.Second, func() { w.engine.Endpoint(EndpointBack, nil) })
		w.callbackAfter(4*time.Minute, success(t, "x"))
		if a, err := w.run(t.Context()); err != nil || a.By != ByCallback {
			t.Errorf("%+v, %v", a, err)
		}
		if diff := cmp.Diff([]time.Duration{10 * time.Second, 70 * time.Second, 145 * time.Second}, w.cloud.polled()); diff != "" {
			t.Error(diff)
		}
		want(t, "events", w.noted(), []string{"accepted req_1 by poll", "endpoint 1", "endpoint 2"})
	})
}

func TestAStoppedTunnelEndsOnlyTheWaitsThatPollingCannotAnswer(t *testing.T) {
	lost := &narada.DispatchError{Maybe: true, Err: &narada.APIError{StatusCode: 502}}
	for name, test := range map[string]struct {
		takes time.Duration // the dispatch call; the tunnel is stopped after a second
		err   error
		end   error
	}{
		"an answer that is lost before": {0, lost, lost},
		"an answer that is lost after":  {2 * time.Second, lost, lost},
		"a task that was accepted":      {0, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, withEndpoint, every(time.Minute))
				w.cloud.dispatch = func(ctx context.Context, _ int) (string, error) {
					Sleep(ctx, test.takes)
					if test.err != nil {
						return "", test.err
					}
					return "req_1", nil
				}
				w.cloud.answers(success(t, "x"))
				time.AfterFunc(time.Second, func() { w.engine.Endpoint(EndpointClosed, nil) })
				a, err := w.run(t.Context())
				if !errors.Is(err, test.end) || time.Since(w.cloud.start) > 3*time.Second {
					t.Errorf("%v after %v", err, time.Since(w.cloud.start))
				}
				if test.end == nil && a.By != ByPoll {
					t.Errorf("%+v", a)
				}
			})
		})
	}
}

func TestACallbackOfAnotherTaskIsStoredAndAnswersNoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withEndpoint, withStore, every(time.Hour))
		time.AfterFunc(time.Second, func() {
			d := webhook.Delivery{Ticket: webhook.Ticket{Path: "/narada/other"}, Result: success(t, "with the same request ID")}
			if err := w.engine.Deliver(t.Context(), d); err != nil {
				t.Error(err)
			}
		})
		w.callbackAfter(time.Minute, success(t, "x"))
		if a, err := w.run(t.Context()); err != nil || a.Result.Text() != "x" {
			t.Errorf("%+v, %v", a, err)
		}
		want(t, "writes", w.store.writes[2:], []string{"delivered /narada/other success", "delivered /narada/1 success"})
	})
}

func TestACallbackAtAnotherProcessIsTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withEndpoint, withStore, every(time.Hour))
		time.AfterFunc(time.Minute, func() {
			w.store.others <- entry("/narada/other", success(t, "of another task"))
			w.store.others <- entry("/narada/1", success(t, "x"))
		})
		a, err := w.run(t.Context())
		if err != nil || a.Result.Text() != "x" || a.By != ByCallback || a.Task != 7 || a.Ticket != "/narada/1" {
			t.Errorf("%+v, %v", a, err)
		}
	})
}

// The callback is the answer of its task all the same.
func TestACallbackThatCannotBeStoredIsNotAcknowledged(t *testing.T) {
	for name, ours := range map[string]bool{"its own": true, "of another process": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, withEndpoint, withStore, every(time.Hour), failing("delivered"))
				d := w.delivery(success(t, "x"))
				if !ours {
					d.Ticket.Path = "/narada/other"
				}
				time.AfterFunc(time.Second, func() {
					if w.engine.Deliver(t.Context(), d) == nil {
						t.Error("it was acknowledged")
					}
				})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if _, err := w.run(ctx); (err == nil) != ours {
					t.Errorf("got %v", err)
				}
				events := []string{"accepted req_1 by poll"}
				if ours {
					events = append(events, fmt.Sprint("loss ", LossAnswer))
				}
				want(t, "events", w.noted(), events)
			})
		})
	}
}
