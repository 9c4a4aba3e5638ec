package batch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/webhook"
)

// fullStore is a store whose disk is full for a while.
type fullStore struct {
	await.Store
	full   atomic.Bool
	reused bool // the API gives request IDs twice
	writes []string
}

var (
	errFull = errors.New("the disk is full")
	errGone = errors.New("the server is gone")

	errBroken = errors.New("the ledger is damaged")
)

func (s *fullStore) Write(_ context.Context, ops ...store.Op) error {
	if s.full.Load() {
		return errFull
	}
	for _, op := range ops {
		if _, ok := op.(*store.Accept); ok && s.reused {
			return fmt.Errorf("the ledger: %w", &store.ReusedIDError{RequestID: "req_a", Task: 1})
		}
		s.writes = append(s.writes, strings.TrimPrefix(fmt.Sprintf("%T", op), "*store."))
	}
	return nil
}

func finalResult(t *testing.T, id string) *narada.Result {
	t.Helper()
	r, err := narada.ParseResult([]byte(`{"requestId":"` + id + `","status":"success","completedAt":"2026-01-01T00:00:00Z"}`))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What is about a task that was not sent is not.
func TestFailedWritesAboutSentTasksAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := &fullStore{}
		full.full.Store(true)
		r := &run{pace: newPace(0), loop: loop{sending: t.Context()}, outage: &outage{}}
		o := await.Options{Store: full}
		r.adjust(&o)
		a, b := finalResult(t, "req_a"), finalResult(t, "req_b")
		for _, op := range []store.Op{
			&store.Intend{}, &store.Accept{}, &store.Poll{Result: a}, &store.Deliver{Delivery: webhook.Delivery{Result: b}}, &store.Deliver{Delivery: webhook.Delivery{Result: b}},
		} {
			if err := o.Store.Write(t.Context(), op); err != errFull {
				t.Errorf("%T: %v", op, err)
			}
		}
		start := time.Now()
		if answers, err := r.stored.finish(t.Context()); answers != 2 || err != errFull || time.Since(start) != storeAttempts*storePause {
			t.Errorf("%d are not stored after %v: %v", answers, time.Since(start), err)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if answers, err := r.stored.finish(ended); answers != 2 || err != errFull {
			t.Errorf("%d are not stored: %v", answers, err)
		}
		full.full.Store(false)
		if err := o.Store.Write(t.Context(), &store.Refuse{}); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"Refuse", "Accept", "Poll", "Deliver", "Deliver"}, full.writes); diff != "" {
			t.Error(diff)
		}
		if answers, err := r.stored.finish(t.Context()); answers != 0 || err != nil || r.stored.size != 0 {
			t.Errorf("%d are not stored: %v", answers, err)
		}
	})
}

// Nothing changes that it was given twice.
func TestARequestIDThatWasGivenTwiceHoldsBackNoOtherWrite(t *testing.T) {
	for name, full := range map[string]bool{"at once": false, "when it is tried again": true} {
		t.Run(name, func(t *testing.T) {
			disk := &fullStore{reused: true}
			s := &retriedStore{Store: disk, outage: &outage{}}
			disk.full.Store(full)
			if err := s.Write(t.Context(), &store.Accept{}); err == nil {
				t.Error("no error")
			}
			disk.full.Store(true)
			if err := s.Write(t.Context(), &store.Poll{Result: finalResult(t, "req_b")}); err != errFull {
				t.Error(err)
			}
			disk.full.Store(false)
			if answers, err := s.finish(t.Context()); answers != 0 || err != nil {
				t.Errorf("%d are not stored: %v", answers, err)
			}
			if diff := cmp.Diff([]string{"Poll"}, disk.writes); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The disk is full until shortly after the last answer.
func TestAnswersAreStoredBeforeTheEndOfTheRun(t *testing.T) {
	for name, full := range map[string]bool{"it has space again": false, "it stays full": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				disk := &fullStore{}
				disk.full.Store(true)
				backend := w.backend()
				backend.Open = func(_ context.Context, adjust func(*await.Options)) (Engine, error) {
					o := await.Options{Store: disk}
					adjust(&o)
					return storingEngine{w, o.Store}, nil
				}
				time.AfterFunc(time.Second+storePause/2, func() { disk.full.Store(full) })
				v, err := w.open(w.options("good 1s\n")).Run(w.t.Context(), backend)
				if err != nil || v.Ending != AllSucceeded {
					t.Errorf("%+v, %v", v, err)
				}
				want := []string{"Poll"}
				if full {
					want = nil
				}
				if diff := cmp.Diff(want, disk.writes); diff != "" {
					t.Error(diff)
				}
				reported := 0
				for _, e := range w.events {
					if e, ok := e.(AnswersNotStored); ok && e.Err == errFull {
						reported += e.Answers
					}
				}
				if reported == 1 != full {
					t.Errorf("reported %+v", w.events)
				}
			})
		})
	}
}

// storingEngine stores the answers in a store of its own, and continues if it fails.
type storingEngine struct {
	*world
	to await.Store
}

func (e storingEngine) Run(ctx context.Context, j await.Job) (await.Answer, error) {
	a, err := e.world.Run(ctx, j)
	_ = e.to.Write(ctx, &store.Poll{Result: a.Result})
	return a, err
}

// goneStore is a store on another machine that is not there for its first writes.
type goneStore struct {
	await.Store
	gone   int
	writes []string
}

type goneError struct{ error }

func (goneError) Temporary() bool { return true }

func (s *goneStore) Write(_ context.Context, ops ...store.Op) error {
	for _, op := range ops {
		s.writes = append(s.writes, strings.TrimPrefix(fmt.Sprintf("%T", op), "*store."))
	}
	if s.gone--; s.gone >= 0 {
		return fmt.Errorf("the store: %w", goneError{errGone})
	}
	return nil
}

func (s *goneStore) Last(ctx context.Context) (int64, error) { return 0, s.Write(ctx) }

func (s *goneStore) Final(ctx context.Context, _ store.Task) (*narada.Result, error) {
	return nil, s.Write(ctx)
}

// What was sent does not wait: its outcome is stored with the next write that works.
func TestNothingIsSentUntilAStoreThatIsGoneIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := &goneStore{gone: 2}
		var events []Event
		sending, stop := context.WithCancel(t.Context())
		reported := 0
		o := await.Options{Store: gone, Report: func(await.Event) { reported++ }}
		s := newRetriedStore(sending, &outage{report: func(e Event) { events = append(events, e) }}, &o)
		began := time.Now()
		if err := s.Write(t.Context(), &store.Intend{}); err != nil || time.Since(began) != 2*storePause {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
		gone.gone = 2
		for range 2 {
			err := s.Write(t.Context(), &store.Poll{Result: finalResult(t, "req_a")})
			if err == nil {
				t.Error("an answer waits")
			}
			o.Report(await.StoreFailed{Loss: await.LossAnswer, Err: err})
		}
		o.Report(await.StoreFailed{Loss: await.LossAnswer, Err: goneError{errGone}}) // is not tried again
		if err := s.Write(t.Context(), &store.Retry{}); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"Intend", "Intend", "Intend", "Poll", "Poll", "Retry", "Poll", "Poll"}, gone.writes); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"batch.StoreLost", "batch.StoreBack", "batch.StoreLost", "batch.StoreBack"}, heard(events)); diff != "" || reported != 1 {
			t.Errorf("%s and %d failures", diff, reported)
		}
		gone.gone = 1000
		time.AfterFunc(time.Minute, stop)
		if err := s.Write(t.Context(), &store.Retry{}); err == nil {
			t.Error("no error when the sending has ended")
		}
	})
}

// One that does not answer would keep each of many waiting.
func TestAStoreThatIsGoneIsTriedOnceForAllEndsOfClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := &goneStore{gone: 2}
		s := newRetriedStore(t.Context(), &outage{report: func(Event) {}}, &await.Options{Store: gone})
		_ = s.Write(t.Context(), &store.Poll{Result: finalResult(t, "req_a")})
		for range 3 {
			if err := s.Write(t.Context(), &store.FinishLine{}); !store.Temporary(err) {
				t.Error(err)
			}
		}
		time.Sleep(storePause)
		if err := s.Write(t.Context(), &store.FinishLine{}); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"Poll", "Poll", "Poll", "FinishLine"}, gone.writes); diff != "" {
			t.Error(diff)
		}
	})
}

// A task that another process has sent may have its answer in the store.
func TestAnAnswerIsReadOnceTheStoreIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := &goneStore{gone: 2}
		s := newRetriedStore(t.Context(), &outage{report: func(Event) {}}, &await.Options{Store: gone})
		if _, err := s.Final(t.Context(), store.Task{}); err != nil {
			t.Error(err)
		}
		gone.gone = 2
		if _, err := s.Last(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
