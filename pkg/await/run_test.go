package await

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func result(t *testing.T, text string) *narada.Result {
	t.Helper()
	r, err := narada.ParseResult([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func pending(t *testing.T) *narada.Result {
	return result(t, `{"requestId":"req_1","status":"pending","completedAt":null}`)
}

func success(t *testing.T, text string) *narada.Result {
	return result(t, `{"requestId":"req_1","status":"success","response":{"text":"`+text+`"},"completedAt":"2026-01-01T00:00:00Z"}`)
}

func asking(t *testing.T, input string) *narada.Result {
	return result(t, `{"requestId":"req_1","status":"input-required","completedAt":null,"hitlInputMetadata":{"inputId":"`+input+`","action":{"name":"user_approval"}}}`)
}

// fakeCloud is the API as a Runner sees it. Its functions may be replaced.
type fakeCloud struct {
	start    time.Time
	dispatch func(n int) (string, error) // the n-th call, from 1
	status   func(n int) (*narada.Result, error)

	mu         sync.Mutex
	dispatches int
	polls      []time.Duration
}

func (c *fakeCloud) Dispatch(context.Context, *narada.Request) (string, error) {
	c.mu.Lock()
	c.dispatches++
	n := c.dispatches
	c.mu.Unlock()
	return c.dispatch(n)
}

func (c *fakeCloud) Status(context.Context, string) (*narada.Result, error) {
	c.mu.Lock()
	c.polls = append(c.polls, time.Since(c.start))
	n := len(c.polls)
	c.mu.Unlock()
	return c.status(n)
}

func (c *fakeCloud) polled() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]time.Duration(nil), c.polls...)
}

// notes is an Observer that writes down what it is told.
type notes struct{ list []string }

func (n *notes) Accepted(id string, by Way) {
	n.list = append(n.list, "accepted "+id+" by "+string(by))
}
func (n *notes) Resending(err error, in time.Duration) {
	n.list = append(n.list, "resending")
}
func (n *notes) AcceptedTwice(id string) { n.list = append(n.list, "accepted twice "+id) }
func (n *notes) AnswerLost(error)        { n.list = append(n.list, "answer lost") }
func (n *notes) HumanAsked(id string, input narada.HumanInput) {
	n.list = append(n.list, "asked "+id+" "+input.InputID)
}

type world struct {
	cloud  *fakeCloud
	desk   *Desk
	runner *Runner
	ticket webhook.Ticket
	notes  notes
}

func newWorld(t *testing.T, pace Pace) *world {
	w := &world{
		cloud:  &fakeCloud{start: time.Now()},
		desk:   NewDesk(),
		ticket: webhook.Ticket{Path: "/narada/1"},
	}
	w.cloud.dispatch = func(int) (string, error) { return "req_1", nil }
	w.cloud.status = func(int) (*narada.Result, error) { return pending(t), nil }
	poller := NewPoller(PollerOptions{
		Status: w.cloud.Status,
		Offer:  func(a Answer) { w.desk.Offer(a) },
		Pace:   pace,
		Failed: func(id string, err error, _ int, gaveUp bool) {
			if gaveUp {
				w.desk.Fail(id, err)
			}
		},
	})
	t.Cleanup(poller.Close)
	w.runner = &Runner{Dispatch: w.cloud.Dispatch, Desk: w.desk, Poller: poller}
	return w
}

func (w *world) run(ctx context.Context, ticket webhook.Ticket) (Answer, error) {
	return w.runner.Run(ctx, Task{Request: &narada.Request{Prompt: "x"}, Ticket: ticket}, &w.notes)
}

func TestPollingAloneFindsTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, PaceAlone(3*time.Second))
		w.cloud.status = func(n int) (*narada.Result, error) {
			if n < 20 {
				return pending(t), nil
			}
			return success(t, "done"), nil
		}
		a, err := w.run(t.Context(), webhook.Ticket{})
		if err != nil || a.By != ByPoll || a.Result.Text() != "done" {
			t.Fatalf("%+v, %v", a, err)
		}
		if w.cloud.polled()[0] != 3*time.Second {
			t.Errorf("first poll after %v", w.cloud.polled()[0])
		}
		last := w.cloud.polled()[19] - w.cloud.polled()[18]
		if last != 15*time.Second {
			t.Errorf("the interval grew to %v", last)
		}
		if diff := cmp.Diff([]string{"accepted req_1 by poll"}, w.notes.list); diff != "" {
			t.Error(diff)
		}
	})
}

func TestCallbackWinsWithoutAPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, PaceBeside(3*time.Second))
		time.AfterFunc(10*time.Second, func() {
			if !w.desk.Offer(Answer{Ticket: w.ticket.Path, Result: success(t, "called back"), By: ByCallback}) {
				t.Error("the callback was not the first")
			}
			if w.desk.Offer(Answer{Ticket: w.ticket.Path, Result: success(t, "again"), By: ByCallback}) {
				t.Error("a repeat was the first")
			}
		})
		a, err := w.run(t.Context(), w.ticket)
		if err != nil || a.By != ByCallback || a.Result.Text() != "called back" || len(w.cloud.polled()) != 0 {
			t.Errorf("%+v, %v, polls %v", a, err, w.cloud.polled())
		}
	})
}

func TestLostCallbackIsPolledFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, PaceBeside(3*time.Second))
		w.cloud.status = func(int) (*narada.Result, error) { return success(t, "polled"), nil }
		a, err := w.run(t.Context(), w.ticket)
		if err != nil || a.By != ByPoll || w.cloud.polled()[0] != 15*time.Second {
			t.Errorf("%+v, %v, polls %v", a, err, w.cloud.polled())
		}
	})
}

func TestCallbackBeforeTheDispatchCallHasAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, PaceBeside(3*time.Second))
		w.cloud.dispatch = func(int) (string, error) {
			time.Sleep(5 * time.Second)
			return "req_1", nil
		}
		time.AfterFunc(time.Second, func() {
			w.desk.Offer(Answer{Ticket: w.ticket.Path, Result: success(t, "early"), By: ByCallback})
		})
		a, err := w.run(t.Context(), w.ticket)
		if err != nil || a.Result.Text() != "early" || w.cloud.dispatches != 1 {
			t.Errorf("%+v, %v, %d dispatches", a, err, w.cloud.dispatches)
		}
	})
}

func TestLostDispatchAnswerIsWaitedForByTicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, PaceBeside(3*time.Second))
		w.cloud.dispatch = func(int) (string, error) {
			return "", &narada.DispatchError{Maybe: true, Err: &narada.APIError{StatusCode: 502}}
		}
		time.AfterFunc(time.Minute, func() {
			w.desk.Offer(Answer{Ticket: w.ticket.Path, Result: asking(t, "in_1"), By: ByCallback})
		})
		w.cloud.status = func(n int) (*narada.Result, error) { return success(t, "found by the ID that the callback named"), nil }
		a, err := w.run(t.Context(), w.ticket)
		if err != nil || a.By != ByPoll || w.cloud.dispatches != 1 {
			t.Errorf("%+v, %v, %d dispatches", a, err, w.cloud.dispatches)
		}
		if diff := cmp.Diff([]string{"answer lost", "accepted req_1 by callback", "asked req_1 in_1"}, w.notes.list); diff != "" {
			t.Error(diff)
		}
	})
}

func TestLostDispatchAnswerWithoutATicketIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, PaceAlone(3*time.Second))
		w.cloud.dispatch = func(int) (string, error) {
			return "", &narada.DispatchError{Maybe: true, Err: &narada.APIError{StatusCode: 502}}
		}
		_, err := w.run(t.Context(), webhook.Ticket{})
		if failure, ok := errors.AsType[*narada.DispatchError](err); !ok || !failure.Maybe || w.cloud.dispatches != 1 {
			t.Errorf("%v after %d dispatches", err, w.cloud.dispatches)
		}
	})
}

func TestTicketThatNobodyShowsEndsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, PaceBeside(3*time.Second))
		w.cloud.dispatch = func(int) (string, error) {
			return "", &narada.DispatchError{Maybe: true, Err: errors.New("cut")}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := w.run(ctx, w.ticket)
		if u, ok := errors.AsType[*UnfinishedError](err); !ok || u.ID != "" {
			t.Errorf("got %v", err)
		}
	})
}

func TestTimeLimitLooksOnceMoreAndNamesTheTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, PaceBeside(time.Hour))
		ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Minute, errors.New("limit"))
		defer cancel()
		_, err := w.run(ctx, w.ticket)
		u, ok := errors.AsType[*UnfinishedError](err)
		if !ok || u.ID != "req_1" || u.Last == nil || u.Cause.Error() != "limit" {
			t.Fatalf("got %v", err)
		}
		if diff := cmp.Diff([]time.Duration{20*time.Minute - 2*time.Second}, w.cloud.polled()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestLastLookFindsTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, PaceAlone(time.Hour))
		w.cloud.status = func(int) (*narada.Result, error) { return success(t, "just in time"), nil }
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		a, err := w.run(ctx, webhook.Ticket{})
		if err != nil || a.Result.Text() != "just in time" {
			t.Errorf("%+v, %v", a, err)
		}
	})
}

func TestInterruptedDispatchIsGivenAMomentToNameItsID(t *testing.T) {
	for _, tt := range []struct {
		takes time.Duration
		id    string
	}{{800 * time.Millisecond, "req_1"}, {time.Hour, ""}} {
		t.Run(fmt.Sprint(tt.takes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, PaceAlone(time.Second))
				ctx, cancel := context.WithCancelCause(t.Context())
				w.runner.Dispatch = func(call context.Context, _ *narada.Request) (string, error) {
					cancel(errors.New("interrupted"))
					select {
					case <-time.After(tt.takes):
						return "req_1", nil
					case <-call.Done():
						return "", &narada.DispatchError{Maybe: true, Err: call.Err()}
					}
				}
				start := time.Now()
				_, err := w.run(ctx, webhook.Ticket{})
				u, ok := errors.AsType[*UnfinishedError](err)
				if !ok || u.ID != tt.id || u.Cause.Error() != "interrupted" || time.Since(start) > time.Second {
					t.Errorf("%v after %v", err, time.Since(start))
				}
			})
		})
	}
}

func TestInterruptBeforeAnythingWasAcceptedSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, PaceAlone(time.Second))
		ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Second, errors.New("interrupted"))
		defer cancel()
		w.cloud.dispatch = func(int) (string, error) {
			return "", &narada.DispatchError{Err: &narada.APIError{StatusCode: 429, RetryAfter: time.Second}}
		}
		_, err := w.run(ctx, webhook.Ticket{})
		if failure, ok := errors.AsType[*narada.DispatchError](err); !ok || failure.Maybe {
			t.Errorf("got %v", err)
		}
	})
}

func TestAPersonIsAnnouncedOncePerInputID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, PaceAlone(time.Second))
		w.cloud.status = func(n int) (*narada.Result, error) {
			switch {
			case n < 4:
				return asking(t, "in_1"), nil
			case n < 7:
				return asking(t, "in_2"), nil
			}
			return success(t, "x"), nil
		}
		if _, err := w.run(t.Context(), webhook.Ticket{}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"accepted req_1 by poll", "asked req_1 in_1", "asked req_1 in_2"}, w.notes.list); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRefusedStatusCallEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, PaceAlone(time.Second))
		w.cloud.status = func(int) (*narada.Result, error) { return nil, &narada.APIError{StatusCode: 401} }
		_, err := w.run(t.Context(), webhook.Ticket{})
		api, isAPI := errors.AsType[*narada.APIError](err)
		u, isUnfinished := errors.AsType[*UnfinishedError](err)
		if !isAPI || api.StatusCode != 401 || !isUnfinished || u.ID != "req_1" || len(w.cloud.polled()) != 1 {
			t.Errorf("%v after %d polls", err, len(w.cloud.polled()))
		}
	})
}

func TestFailingPollsGoOnUntilTheTimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, PaceAlone(3*time.Second))
		w.cloud.status = func(n int) (*narada.Result, error) {
			return nil, &narada.APIError{StatusCode: 503, RetryAfter: 40 * time.Second}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		_, err := w.run(ctx, webhook.Ticket{})
		if u, ok := errors.AsType[*UnfinishedError](err); !ok || u.ID != "req_1" {
			t.Errorf("got %v", err)
		}
		for i := 1; i < len(w.cloud.polled())-1; i++ { // the last is the last look
			if gap := w.cloud.polled()[i] - w.cloud.polled()[i-1]; gap < 40*time.Second || gap > 45*time.Second {
				t.Errorf("polled %v after the last", gap)
			}
		}
	})
}

func TestLastLookComesInSpiteOfRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, PaceAlone(time.Second))
		w.cloud.status = func(n int) (*narada.Result, error) {
			if n == 1 {
				return nil, &narada.APIError{StatusCode: 429, RetryAfter: 5 * time.Minute}
			}
			return success(t, "x"), nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := w.run(ctx, webhook.Ticket{}); err != nil {
			t.Error(err)
		}
	})
}

func TestCallbackForATicketThatIsClosedIsNobodys(t *testing.T) {
	d := NewDesk()
	claim := d.Expect(webhook.Ticket{Path: "/1"})
	claim.Named("req_1")
	if d.Offer(Answer{Ticket: "/2", Result: success(t, "x"), By: ByCallback}) {
		t.Error("another ticket's callback was taken by its request ID")
	}
	claim.Close()
	if d.Offer(Answer{Ticket: "/1", Result: success(t, "x"), By: ByCallback}) {
		t.Error("a closed claim took a callback")
	}
}
