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
)

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

func TestATaskIsPolledOnceMoreBeforeTheTimeLimit(t *testing.T) {
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

func TestTheLastPollFindsTheAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		dispatch time.Duration
		status   func(n int) error
	}{
		"polling seldom":        {0, nil},
		"after a slow dispatch": {59 * time.Second, nil},
		"despite Retry-After": {0, func(n int) error {
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
					Sleep(ctx, test.dispatch)
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

func TestAQuestionToAPersonIsReportedOncePerInputID(t *testing.T) {
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

func TestARefusedStatusCallEndsTheWait(t *testing.T) {
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

func TestACallbackIsAwaitedAfterARefusedStatusCall(t *testing.T) {
	for name, test := range map[string]struct {
		after string
		err   bool
	}{
		"which arrives":                {"callback", false},
		"until the endpoint is closed": {"closed", true},
		"while the tunnel is lost":     {"lost", false},
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

// The cloud may not know a new ID for a moment.
func TestAnIDThatTheCloudDoesNotKnowYetIsPolledAgain(t *testing.T) {
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

func TestFailedPollsAreRepeatedUntilTheTimeLimit(t *testing.T) {
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
