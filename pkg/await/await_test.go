package await

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/narada"
)

func none(ctx context.Context) (*narada.Result, error) { return nil, ctx.Err() }

func TestAwaitGoesOnWithATask(t *testing.T) {
	for name, test := range map[string]struct {
		sent Sent
		act  func(t *testing.T, w *world)
		by   Way
		note []string
	}{
		"it has ended already": {
			sent: Sent{ID: "req_1", Earlier: nil},
			by:   ByCallback,
		},
		"a poll tells": {
			sent: Sent{ID: "req_1", Earlier: none},
			act:  func(_ *testing.T, w *world) { time.Sleep(time.Minute) },
			by:   ByPoll,
		},
		"a callback tells": {
			sent: Sent{ID: "req_1", Ticket: "/narada/1", Earlier: none},
			act: func(t *testing.T, w *world) {
				time.Sleep(time.Millisecond)
				w.desk.Offer(Answer{Ticket: "/narada/1", Result: success(t, "x"), By: ByCallback})
			},
			by: ByCallback,
		},
		"a callback names it": {
			sent: Sent{Ticket: "/narada/1", Earlier: none},
			act: func(t *testing.T, w *world) {
				time.Sleep(time.Millisecond)
				w.desk.Offer(Answer{Ticket: "/narada/1", Result: pending(t), By: ByCallback})
				time.Sleep(time.Minute)
			},
			by:   ByPoll,
			note: []string{"accepted req_1 by callback"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, PaceBeside(time.Second))
				w.cloud.status = func(n int) (*narada.Result, error) {
					if n < 3 {
						return pending(t), nil
					}
					return success(t, "x"), nil
				}
				if test.sent.Earlier == nil {
					test.sent.Earlier = func(context.Context) (*narada.Result, error) { return success(t, "x"), nil }
				}
				if test.act != nil {
					go test.act(t, w)
				}
				a, err := w.runner.Await(t.Context(), test.sent, &w.notes)
				if err != nil || a.By != test.by || a.Result.Text() != "x" {
					t.Errorf("got %+v, %v", a, err)
				}
				if diff := cmp.Diff(test.note, w.notes.list); diff != "" {
					t.Error(diff)
				}
				time.Sleep(2 * time.Minute) // whatever goes on
			})
		})
	}
}

func TestAwaitEndsWithoutAnAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		id   string
		deaf bool
		want error
	}{
		"time is over":                       {"req_1", false, context.DeadlineExceeded},
		"nobody can tell of an unknown task": {"", true, errDeaf},
		"a known one is asked for":           {"req_1", true, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, PaceBeside(time.Second))
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				deaf := make(chan struct{})
				if test.deaf {
					close(deaf)
				}
				_, err := w.runner.Await(ctx, Sent{ID: test.id, Ticket: "/narada/1", Deaf: deaf, Earlier: none}, &w.notes)
				unfinished, ok := errors.AsType[*UnfinishedError](err)
				if !ok || unfinished.ID != test.id || !errors.Is(err, test.want) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// What has come is read even when there is no time left to wait for more: a read that
// is cut off would be a fault of the ledger's.
func TestAwaitWithoutTimeReadsWhatHasCome(t *testing.T) {
	for name, test := range map[string]struct {
		earlier *narada.Result
	}{
		"the answer": {success(t, "x")},
		"nothing":    {nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, PaceBeside(time.Second))
				ctx, cancel := context.WithTimeout(t.Context(), -time.Second)
				defer cancel()
				a, err := w.runner.Await(ctx, Sent{Ticket: "/narada/1", Earlier: func(ctx context.Context) (*narada.Result, error) {
					return test.earlier, ctx.Err()
				}}, &w.notes)
				if test.earlier != nil {
					if err != nil || a.Result.Text() != "x" {
						t.Errorf("got %+v, %v", a, err)
					}
				} else if _, ok := errors.AsType[*UnfinishedError](err); !ok {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}
