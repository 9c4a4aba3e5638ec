package await

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/panics"
	"github.com/narada-cli/narada/pkg/store"
)

// crashed checks that err is a panic that ended the wait for the task.
func crashed(t *testing.T, err error, id string) {
	t.Helper()
	u, ok := errors.AsType[*UnfinishedError](err)
	crash, isCrash := errors.AsType[*panics.Error](err)
	if !ok || u.ID != id || !isCrash || crash.Value != "bug" || !strings.Contains(string(crash.Stack), "await") {
		t.Errorf("got %v", err)
	}
}

func TestAPanicOfAStatusCallEndsTheWaitAndNamesTheTask(t *testing.T) {
	for name, setups := range map[string][]setup{"polling alone": nil, "beside an endpoint": {withEndpoint}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, setups...)
				w.cloud.status = func(int, string) (*narada.Result, error) { panic("bug") }
				_, err := w.run(t.Context())
				crashed(t, err, "req_1")
				time.Sleep(time.Hour)
				if len(w.cloud.polled()) != 1 {
					t.Errorf("polled at %v", w.cloud.polled())
				}
			})
		})
	}
}

func TestAPanicConcernsOneOfSeveralTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cloud.status = func(_ int, id string) (*narada.Result, error) {
			if id == "req_bug" {
				panic("bug")
			}
			return named(t, id, success(t, "x")), nil
		}
		want(t, "answers", collect(t, w, t.Context(), false, "req_bug", "req_2"), []string{"req_bug: internal error: bug", "req_2 success by poll x"})
	})
}

func TestAPanicOfADispatchCallLeavesTheTaskUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withStore)
		w.cloud.dispatch = func(context.Context, int) (string, error) { panic("bug") }
		_, err := w.run(t.Context())
		failure, ok := errors.AsType[*narada.DispatchError](err)
		if _, isCrash := errors.AsType[*panics.Error](err); !ok || !failure.Maybe || !isCrash {
			t.Errorf("got %v", err)
		}
		want(t, "writes", w.store.writes, []string{"intend run https://api.example x "})
	})
}

func TestACallbackAnswersAfterAPanicOfTheDispatchCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withEndpoint)
		w.cloud.dispatch = func(context.Context, int) (string, error) { panic("bug") }
		w.callbackAfter(time.Minute, success(t, "x"))
		if a, err := w.run(t.Context()); err != nil || a.Result.Text() != "x" {
			t.Errorf("%+v, %v", a, err)
		}
	})
}

func TestAPanicOfTheWaitNamesTheTask(t *testing.T) {
	for name, wait := range map[string]func(*Engine) error{
		"run": func(e *Engine) error {
			_, err := e.Run(context.Background(), Job{Request: &narada.Request{Prompt: "x"}})
			return err
		},
		"status": func(e *Engine) error {
			for _, err := range e.Await(context.Background(), "req_1") {
				return err
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(o *Options, _ *world) {
					o.Report = func(e Event) {
						if _, ok := e.(PersonAsked); ok {
							panic("bug")
						}
					}
				})
				w.cloud.answers(asking(t, "in_1"))
				crashed(t, wait(w.engine), "req_1")
				if left := len(w.engine.byID) + len(w.engine.byTicket); left != 0 {
					t.Errorf("%d waiters are left", left)
				}
			})
		})
	}
}

func TestAPanicWhileFollowingOtherProcessesIsALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withStore, withEndpoint, func(o *Options, w *world) { o.Store = crashingStore{w.store} })
		w.cloud.answers(success(t, "x"))
		if _, err := w.run(t.Context()); err != nil {
			t.Error(err)
		}
		if notes := w.noted(); !slices.Contains(notes, fmt.Sprint("loss ", LossOtherCallbacks)) {
			t.Errorf("events %q", notes)
		}
	})
}

// crashingStore panics when it is followed.
type crashingStore struct{ *fakeStore }

func (crashingStore) FollowOthers(context.Context, int64, func() store.Wanted) iter.Seq2[store.Entry, error] {
	panic("bug")
}

func TestAPanicOfADetachedCallIsItsError(t *testing.T) {
	err := Detach(t.Context(), time.Second, nil, func(context.Context) error { panic("bug") })
	if _, ok := errors.AsType[*panics.Error](err); !ok {
		t.Errorf("got %v", err)
	}
}
