package await

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

func entry(path string, r *narada.Result) store.Entry {
	return store.Entry{Seq: 4, Path: path, Result: r}
}

func TestATaskThatCannotBeStoredRunsUnlessItMustBeStored(t *testing.T) {
	for name, test := range map[string]struct {
		setups []setup
		must   bool
		sent   bool
		events []string
	}{
		"it need not":                        {[]setup{withStore, failing("intend")}, false, true, []string{fmt.Sprint("loss ", LossTask), "accepted req_1 by poll"}},
		"it must":                            {[]setup{withStore, failing("intend")}, true, false, nil},
		"it need not, and there is no store": {nil, false, true, []string{"accepted req_1 by poll"}},
		"it must, and there is no store":     {nil, true, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, append(test.setups, withEndpoint)...)
				w.cloud.answers(success(t, "x"))
				_, err := w.engine.Run(t.Context(), Job{Request: &narada.Request{Prompt: "x"}, MustKeep: test.must})
				if _, notKept := errors.AsType[*NotKeptError](err); notKept == test.sent || (w.cloud.dispatches == 1) != test.sent {
					t.Errorf("%v after %d dispatches", err, w.cloud.dispatches)
				}
				want(t, "events", w.noted(), test.events)
				if w.store != nil && slices.Contains(w.store.writes, "accepted 0 req_1") {
					t.Errorf("writes %q", w.store.writes)
				}
				if (len(w.endpoint.withdrawn) == 1) == test.sent { // a ticket that is not in the store is needed for repeats
					t.Errorf("withdrawn %v", w.endpoint.withdrawn)
				}
			})
		})
	}
}

func TestAFailureToStoreProgressIsReportedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withStore, failing("accepted"), failing("polled"))
		w.cloud.answers(success(t, "x"))
		if _, err := w.run(t.Context()); err != nil {
			t.Error(err)
		}
		want(t, "events", w.noted(), []string{fmt.Sprint("loss ", LossProgress), "accepted req_1 by poll"})
		want(t, "writes", w.store.writes[1:], []string{"accepted 7 req_1", "polled req_1 success"})
	})
}

func TestAFailureToFollowOtherProcessesIsReported(t *testing.T) {
	for _, method := range []string{"last", "follow"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, withStore, failing(method), withEndpoint)
			w.cloud.answers(success(t, "x"))
			if _, err := w.run(t.Context()); err != nil {
				t.Error(err)
			}
			notes := w.noted() // of two goroutines
			slices.Sort(notes)
			want(t, "events", notes, []string{"accepted req_1 by poll", fmt.Sprint("loss ", LossOtherCallbacks)})
			if len(w.endpoint.withdrawn) != 1 {
				t.Errorf("withdrawn %v", w.endpoint.withdrawn)
			}
		})
	}
}

func TestARefusedRequestIsStoredWithTheReason(t *testing.T) {
	for status, kept := range map[int]bool{400: true, 401: false, 404: false, 409: true, 413: true, 415: true, 422: true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, withStore, withMany)
			w.cloud.dispatch = func(context.Context, int) (string, error) {
				return "", &narada.DispatchError{Err: &narada.APIError{StatusCode: status}}
			}
			_, err := w.run(t.Context())
			why := ""
			if RefusesRequest(err) != kept {
				t.Errorf("%d: RefusesRequest is %v", status, RefusesRequest(err))
			}
			if kept {
				why = (&narada.APIError{StatusCode: status}).Error()
			}
			want(t, fmt.Sprint("writes after ", status), w.store.writes[1:], []string{"refused 7 " + why})
		})
	}
}

func TestSubmitReturnsTheIDWithoutWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withStore)
		id, err := w.engine.Submit(t.Context(), Job{Request: &narada.Request{Prompt: "x"}, Ticket: theTicket})
		if err != nil || id != "req_1" || w.cloud.request.CallbackURL != "" {
			t.Errorf("%q, %v", id, err)
		}
		time.Sleep(time.Minute)
		if polls := w.cloud.polled(); len(polls) != 0 {
			t.Errorf("polled at %v", polls)
		}
		want(t, "events", w.noted(), []string{"accepted req_1 by poll"})
		want(t, "writes", w.store.writes, []string{"intend run https://api.example  /narada/1", "accepted 7 req_1"})
	})
}

func TestAnInterruptedSubmitReturnsTheIDIfItIsKnown(t *testing.T) {
	interrupted := errors.New("interrupted")
	maybe, not := &narada.DispatchError{Maybe: true, Err: errors.New("cut")}, &narada.DispatchError{Err: errors.New("no route")}
	for name, test := range map[string]struct {
		answer func(call context.Context) (string, error)
		id     string
		check  func(error) bool
	}{
		"it was accepted": {func(call context.Context) (string, error) {
			Sleep(call, 500*time.Millisecond)
			return "req_1", nil
		}, "req_1", func(err error) bool { return err == interrupted }},
		"that is not known": {func(call context.Context) (string, error) {
			<-call.Done()
			return "", maybe
		}, "", func(err error) bool {
			u, ok := errors.AsType[*UnfinishedError](err)
			return ok && u.ID == "" && u.Cause == interrupted
		}},
		"it was not": {func(context.Context) (string, error) { return "", not }, "", func(err error) bool {
			failure, ok := errors.AsType[*narada.DispatchError](err)
			return ok && !failure.Maybe && errors.Is(err, interrupted)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				ctx, cancel := context.WithCancelCause(t.Context())
				w.cloud.dispatch = func(call context.Context, _ int) (string, error) {
					cancel(interrupted)
					return test.answer(call)
				}
				id, err := w.engine.Submit(ctx, Job{Request: &narada.Request{Prompt: "x"}})
				if id != test.id || !test.check(err) {
					t.Errorf("%q, %v", id, err)
				}
			})
		})
	}
}

func TestSentIsCalledOnceAfterTheFirstDispatchCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cloud.dispatch = func(_ context.Context, n int) (string, error) {
			if n < 3 {
				return "", &narada.DispatchError{Err: &narada.APIError{StatusCode: 429}}
			}
			return "req_1", nil
		}
		w.cloud.answers(success(t, "x"))
		var sent []time.Duration
		_, err := w.engine.Run(t.Context(), Job{Request: &narada.Request{Prompt: "x"}, Sent: func() { sent = append(sent, time.Since(w.cloud.start)) }})
		if err != nil || len(sent) != 1 || sent[0] != 0 {
			t.Errorf("%v, called at %v", err, sent)
		}
	})
}

func TestReceivesIsTrueForURLsOfTheEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alone, w := newWorld(t), newWorld(t, withEndpoint)
		for url, ours := range map[string]bool{
			"https://callbacks.example/narada/1":     true,
			"https://callbacks.example.org/narada/1": false,
			"https://elsewhere.example/narada/1":     false,
			"":                                       false,
		} {
			if alone.engine.Receives(url) || w.engine.Receives(url) != ours {
				t.Errorf("%q: %v", url, !ours)
			}
		}
	})
}
