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

func TestPollingAloneFindsTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cloud.status = func(n int, _ string) (*narada.Result, error) {
			if n < 20 {
				return pending(t), nil
			}
			return success(t, "done"), nil
		}
		a, err := w.run(t.Context())
		if err != nil || a.By != ByPoll || a.Result.Text() != "done" || a.RequestID != "req_1" {
			t.Fatalf("%+v, %v", a, err)
		}
		polls := w.cloud.polled()
		if polls[0] != 3*time.Second || polls[19]-polls[18] != 15*time.Second {
			t.Errorf("first poll after %v, the last interval is %v", polls[0], polls[19]-polls[18])
		}
		want(t, "events", w.noted(), []string{"accepted req_1 by poll"})
	})
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

func TestACallbackThatIsLostIsPolledFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withEndpoint)
		w.cloud.answers(success(t, "polled"))
		a, err := w.run(t.Context())
		if err != nil || a.By != ByPoll || w.cloud.polled()[0] != 15*time.Second {
			t.Errorf("%+v, %v, polls %v", a, err, w.cloud.polled())
		}
	})
}

func TestACallbackCanComeBeforeTheDispatchCallHasAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withEndpoint)
		w.cloud.dispatch = func(ctx context.Context, _ int) (string, error) {
			sleep(ctx, 5*time.Second)
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

func TestADispatchWhoseAnswerIsLostIsWaitedForByItsTicket(t *testing.T) {
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

func TestADispatchWhoseAnswerIsLostIsUnknownWithoutATicket(t *testing.T) {
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

func TestATicketThatNobodyShowsEndsUnknown(t *testing.T) {
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

func TestTheTimeLimitLooksOnceMoreAndNamesTheTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withEndpoint, every(time.Hour))
		ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Minute, errors.New("limit"))
		defer cancel()
		_, err := w.run(ctx)
		u, ok := errors.AsType[*UnfinishedError](err)
		if !ok || u.ID != "req_1" || u.Last == nil || u.Cause.Error() != "limit" {
			t.Fatalf("got %v", err)
		}
		if diff := cmp.Diff([]time.Duration{20*time.Minute - 2*time.Second}, w.cloud.polled()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTheLastLookFindsTheAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		dispatch time.Duration
		status   func(n int) error
	}{
		"polling seldom":                       {0, nil},
		"when the dispatch has taken its time": {59 * time.Second, nil},
		"in spite of Retry-After": {0, func(n int) error {
			if n == 1 {
				return &narada.APIError{StatusCode: 429, RetryAfter: 5 * time.Minute}
			}
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				interval := time.Hour
				if test.status != nil {
					interval = time.Second
				}
				w := newWorld(t, every(interval))
				w.cloud.dispatch = func(ctx context.Context, _ int) (string, error) {
					sleep(ctx, test.dispatch)
					return "req_1", nil
				}
				w.cloud.status = func(n int, _ string) (*narada.Result, error) {
					if test.status != nil && test.status(n) != nil {
						return nil, test.status(n)
					}
					return success(t, "just in time"), nil
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if a, err := w.run(ctx); err != nil || a.Result.Text() != "just in time" {
					t.Errorf("%+v, %v", a, err)
				}
			})
		})
	}
}

func TestAnInterruptedDispatchHasAMomentToNameItsID(t *testing.T) {
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
					if sleep(call, tt.takes) {
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

// There is no time left to wait for a callback.
func TestAnInterruptedDispatchWhoseAnswerIsLostIsNotWaitedFor(t *testing.T) {
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

func TestAnInterruptBeforeAnythingWasAcceptedSaysSo(t *testing.T) {
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

func TestAPersonIsAnnouncedOncePerInputID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withStore)
		w.cloud.status = func(n int, _ string) (*narada.Result, error) {
			switch {
			case n < 4:
				return asking(t, "in_1"), nil
			case n < 7:
				return asking(t, "in_2"), nil
			case n < 9:
				return pending(t), nil
			}
			return success(t, "x"), nil
		}
		if _, err := w.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		want(t, "events", w.noted(), []string{"accepted req_1 by poll", "asked req_1 in_1", "asked req_1 in_2"})
		want(t, "writes of a state that has changed", w.store.writes[2:], []string{"polled req_1 input-required", "polled req_1 pending", "polled req_1 success"})
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

func TestAStatusCallThatIsRefusedEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cloud.status = func(int, string) (*narada.Result, error) { return nil, &narada.APIError{StatusCode: 401} }
		_, err := w.run(t.Context())
		api, isAPI := errors.AsType[*narada.APIError](err)
		u, isUnfinished := errors.AsType[*UnfinishedError](err)
		if !isAPI || api.StatusCode != 401 || !isUnfinished || u.ID != "req_1" || len(w.cloud.polled()) != 1 {
			t.Errorf("%v after %d polls", err, len(w.cloud.polled()))
		}
		want(t, "events", w.noted(), []string{"accepted req_1 by poll"})
		if left := len(w.engine.byID) + len(w.engine.byTicket); left != 0 {
			t.Errorf("%d waiters are left", left)
		}
	})
}

func TestAStatusCallThatIsRefusedLeavesTheCallback(t *testing.T) {
	for name, test := range map[string]struct {
		after string
		err   bool
	}{
		"which comes":                    {"callback", false},
		"until the endpoint is closed":   {"closed", true},
		"also while its address is away": {"lost", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, withEndpoint)
				w.cloud.status = func(int, string) (*narada.Result, error) { return nil, &narada.APIError{StatusCode: 401} }
				time.AfterFunc(time.Minute, func() {
					switch test.after {
					case "closed":
						w.engine.Endpoint(EndpointClosed, nil)
					case "lost":
						w.engine.Endpoint(EndpointLost, nil)
					}
				})
				w.callbackAfter(2*time.Minute, success(t, "x"))
				_, err := w.run(t.Context())
				if _, isAPI := errors.AsType[*narada.APIError](err); isAPI != test.err || (err != nil) != test.err {
					t.Errorf("got %v", err)
				}
				if notes := w.noted(); notes[1] != "poll refused" {
					t.Errorf("events %q", notes)
				}
			})
		})
	}
}

// The cloud may take a moment to know the ID that it has just given out.
func TestAnIDThatTheCloudDoesNotKnowYetIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cloud.status = func(n int, _ string) (*narada.Result, error) {
			if n < 4 {
				return nil, &narada.APIError{StatusCode: 404}
			}
			return success(t, "x"), nil
		}
		if _, err := w.run(t.Context()); err != nil {
			t.Error(err)
		}
		want(t, "events", w.noted(), []string{"accepted req_1 by poll", "poll failed", "poll failed", "polls fail"})
	})
}

func TestPollsThatFailGoOnUntilTheTimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cloud.status = func(int, string) (*narada.Result, error) {
			return nil, &narada.APIError{StatusCode: 503, RetryAfter: 40 * time.Second}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		_, err := w.run(ctx)
		if u, ok := errors.AsType[*UnfinishedError](err); !ok || u.ID != "req_1" || u.Failure == nil {
			t.Errorf("got %v", err)
		}
		polls := w.cloud.polled()
		for i := 1; i < len(polls)-1; i++ { // the last is the last look
			if gap := polls[i] - polls[i-1]; gap < 40*time.Second || gap > 45*time.Second {
				t.Errorf("polled %v after the last", gap)
			}
		}
	})
}

func TestManyTasksReportASharedFailureOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withMany, withEndpoint)
		w.cloud.status = func(n int, id string) (*narada.Result, error) {
			if n > 12 {
				return nil, &narada.APIError{StatusCode: 401}
			}
			return nil, &narada.APIError{StatusCode: 503}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		ends := make(chan error)
		for i := range 3 {
			go func() {
				_, err := w.engine.Resume(ctx, Dispatched{RequestID: fmt.Sprint("req_", i), Ticket: fmt.Sprint("/narada/", i)})
				ends <- err
			}()
		}
		for range 3 {
			if u, ok := errors.AsType[*UnfinishedError](<-ends); !ok || !errors.Is(u, context.DeadlineExceeded) {
				t.Errorf("got %v", u)
			}
		}
		counts := map[string]int{}
		for _, note := range w.noted() {
			counts[note]++
		}
		if counts["polls fail"] != 1 || counts["poll refused"] != 1 || counts["poll failed"] != 11 {
			t.Errorf("reported %v", counts)
		}
	})
}

func TestATunnelThatIsLostIsMadeUpForByPolling(t *testing.T) {
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

func TestATunnelThatIsStoppedEndsOnlyWhatNobodyElseCanTellOf(t *testing.T) {
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
					sleep(ctx, test.takes)
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

func TestACallbackOfAnotherTaskIsKeptAndNobodysAnswer(t *testing.T) {
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

// What the store cannot keep is not acknowledged; a task has its answer all the same.
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
