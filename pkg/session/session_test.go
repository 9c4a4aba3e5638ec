package session

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is an API, and what is reported.
type world struct {
	start func(ctx context.Context, n int) error // the n-th call, from 1
	stop  func(n int) error
	calls []string
	notes []string

	stored []string
	full   error // of writing to the ledger
}

func (w *world) StartSession(ctx context.Context, _ narada.SessionRequest) (*narada.Session, error) {
	w.calls = append(w.calls, "start")
	if err := w.start(ctx, len(w.calls)); err != nil {
		return nil, err
	}
	return &narada.Session{ID: "s1", BrowserWindowID: "w1"}, nil
}

func (w *world) StopSession(_ context.Context, id string, status narada.SessionStatus) error {
	w.calls = append(w.calls, "stop "+id+" "+string(status))
	n := 0
	for _, call := range w.calls {
		if call != "start" {
			n++
		}
	}
	return w.stop(n)
}

func (w *world) note(event Event) {
	text := fmt.Sprintf("%T", event)
	if e, ok := event.(Stopped); ok && e.Err != nil {
		text += " before"
	}
	w.notes = append(w.notes, text)
}

func newWorld() (*world, *Sessions) {
	w := &world{
		start: func(context.Context, int) error { return nil },
		stop:  func(int) error { return nil },
	}
	return w, &Sessions{Client: w, Report: w.note}
}

// takes is a start that takes that long, and ends with its context.
func takes(d time.Duration) func(context.Context, int) error {
	return func(ctx context.Context, _ int) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return &narada.SessionError{Maybe: true, Err: ctx.Err()}
		}
	}
}

var (
	errInterrupted = errors.New("interrupted")
	errBusy        = &url.Error{Op: "Post", URL: "https://api.example", Err: errors.New("no route")}
)

func want(t *testing.T, what string, got, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestAnInterruptedStartLeavesNoSessionRunning(t *testing.T) {
	refused := &narada.SessionError{Err: &narada.APIError{StatusCode: 429, RetryAfter: time.Second}}
	for name, test := range map[string]struct {
		start func(context.Context, int) error
		stop  func(int) error
		end   string // how ctx ends, after 5 s
		err   func(error) bool
		calls []string
		notes []string
	}{
		"it is started": {
			start: takes(time.Second), err: func(err error) bool { return err == nil }, calls: []string{"start"},
		},
		"it is refused for a while": {
			start: func(_ context.Context, n int) error {
				if n < 3 {
					return refused
				}
				return nil
			},
			err: func(err error) bool { return err == nil }, calls: []string{"start", "start", "start"},
			notes: []string{"session.Retrying", "session.Retrying"},
		},
		"it may have been started": {
			start: func(context.Context, int) error { return &narada.SessionError{Maybe: true, Err: errBusy} },
			err:   isMaybe, calls: []string{"start"},
		},
		"it starts after an interrupt": {
			start: takes(20 * time.Second), end: "interrupt",
			err: func(err error) bool { return err == ErrStopped }, calls: []string{"start", "stop s1 terminated"},
			notes: []string{"session.Awaited", "session.Stopping", "session.Stopped"},
		},
		"it starts after the time limit": {
			start: takes(20 * time.Second), end: "limit",
			err: func(err error) bool { return err == ErrStopped }, calls: []string{"start", "stop s1 timed_out"},
			notes: []string{"session.Awaited", "session.Stopped"},
		},
		"it starts after an interrupt, and cannot be stopped": {
			start: takes(20 * time.Second), stop: func(int) error { return &narada.APIError{StatusCode: 400} }, end: "interrupt",
			err: func(err error) bool { return err == ErrLeft }, calls: []string{"start", "stop s1 terminated"},
			notes: []string{"session.Awaited", "session.Stopping", "session.NotStopped"},
		},
		"it does not start": {
			start: takes(time.Hour), end: "interrupt", err: isMaybe, calls: []string{"start"},
			notes: []string{"session.Awaited"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, s := newWorld()
				w.start = test.start
				if test.stop != nil {
					w.stop = test.stop
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				switch test.end {
				case "interrupt":
					time.AfterFunc(5*time.Second, func() { cancel(errInterrupted) })
				case "limit":
					var stop context.CancelFunc
					ctx, stop = context.WithTimeout(ctx, 5*time.Second)
					defer stop()
				}
				started, err := s.Start(ctx, narada.SessionRequest{})
				if !test.err(err) || (started != nil) != (err == nil) {
					t.Errorf("got %v, %v", started, err)
				}
				want(t, "calls", w.calls, test.calls)
				want(t, "events", w.notes, test.notes)
			})
		})
	}
}

func isMaybe(err error) bool {
	failure, ok := errors.AsType[*narada.SessionError](err)
	return ok && failure.Maybe
}

func TestASessionIsStoppedWhateverTheOutcomeOfItsUse(t *testing.T) {
	for name, test := range map[string]struct {
		run    func(interrupt func()) error
		limit  time.Duration
		stop   error
		status string
		runs   bool // it may still run
		notes  []string
	}{
		"the task succeeds": {
			run: func(func()) error { return nil }, status: "complete", notes: []string{"session.Started", "session.Stopped"},
		},
		"it fails": {
			run: func(func()) error { return errBusy }, status: "failed", notes: []string{"session.Started", "session.Stopped"},
		},
		"it panics": {
			run: func(func()) error { panic("a fault") }, status: "failed", notes: []string{"session.Started", "session.Stopped"},
		},
		"it is interrupted": {
			run:    func(interrupt func()) error { interrupt(); return errInterrupted },
			status: "terminated", notes: []string{"session.Started", "session.Stopping", "session.Stopped"},
		},
		"its time is over": {
			run: func(func()) error { time.Sleep(time.Minute); return context.DeadlineExceeded }, limit: time.Second,
			status: "timed_out", notes: []string{"session.Started", "session.Stopped"},
		},
		"the session has ended by itself": {
			run: func(func()) error { return nil }, stop: narada.ErrNotStopped, status: "complete",
			notes: []string{"session.Started", "session.Stopped before"},
		},
		"the session cannot be stopped": {
			run: func(func()) error { return nil }, stop: &narada.APIError{StatusCode: 401}, status: "complete", runs: true,
			notes: []string{"session.Started", "session.NotStopped"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, s := newWorld()
				w.stop = func(int) error { return test.stop }
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if test.limit > 0 {
					var stop context.CancelFunc
					ctx, stop = context.WithTimeout(ctx, test.limit)
					defer stop()
				}
				defer func() {
					if fault := recover(); fault != nil && name != "it panics" {
						t.Errorf("panic: %v", fault)
					}
					want(t, "calls", w.calls, []string{"stop s1 " + test.status})
					want(t, "events", w.notes, test.notes)
				}()
				stopped, _ := s.Use(ctx, &narada.Session{ID: "s1"}, func() error { return test.run(func() { cancel(errInterrupted) }) })
				if stopped == test.runs {
					t.Errorf("stopped is %v", stopped)
				}
			})
		})
	}
}

func TestAStopIsRetriedIfItsAnswerWasLost(t *testing.T) {
	for name, test := range map[string]struct {
		answers []error
		want    error
	}{
		"stopped at once":                     {[]error{nil}, nil},
		"there is no such session":            {[]error{narada.ErrNotStopped}, narada.ErrNotStopped},
		"the first call has stopped it":       {[]error{errBusy, narada.ErrNotStopped}, nil},
		"the first call has not":              {[]error{errBusy, nil}, nil},
		"the API is there and does not allow": {[]error{errBusy, &narada.APIError{StatusCode: 401}}, &narada.APIError{StatusCode: 401}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, s := newWorld()
				w.stop = func(n int) error { return test.answers[n-1] }
				err := s.Stop(t.Context(), "s1", narada.SessionComplete)
				if fmt.Sprint(err) != fmt.Sprint(test.want) || len(w.calls) != len(test.answers) {
					t.Errorf("%v after %d calls", err, len(w.calls))
				}
			})
		})
	}
}

// Write implements store.Writer.
func (w *world) Write(_ context.Context, ops ...store.Op) error {
	for _, op := range ops {
		switch op := op.(type) {
		case *store.PutSession:
			w.stored = append(w.stored, "put "+op.Session.ID)
		case *store.ForgetSession:
			w.stored = append(w.stored, "forget")
		case *store.EndSession:
			w.stored = append(w.stored, "end "+op.ID+" "+string(op.Status))
		}
	}
	return w.full
}

func TestASessionIsStoredUntilItsEnd(t *testing.T) {
	for name, test := range map[string]struct {
		start, stop error
		full        error
		stored      []string
		notes       []string
	}{
		"it is started and stopped":  {stored: []string{"put ", "put s1", "end s1 complete"}},
		"it is not started":          {start: &narada.SessionError{Err: &narada.APIError{StatusCode: 400}}, stored: []string{"put ", "forget"}},
		"it may have been started":   {start: &narada.SessionError{Maybe: true, Err: errBusy}, stored: []string{"put "}},
		"it ended by itself":         {stop: narada.ErrNotStopped, stored: []string{"put ", "put s1", "end s1 ended"}},
		"it cannot be stopped":       {stop: &narada.APIError{StatusCode: 401}, stored: []string{"put ", "put s1"}},
		"the ledger cannot store it": {full: errors.New("full"), stored: []string{"put ", "put s1", "end s1 complete"}, notes: []string{"session.NotStored"}},
	} {
		t.Run(name, func(t *testing.T) {
			w, s := newWorld()
			s.Store, w.full = w, test.full
			w.start, w.stop = func(context.Context, int) error { return test.start }, func(int) error { return test.stop }
			started, err := s.Start(t.Context(), narada.SessionRequest{})
			if err != test.start {
				t.Fatal(err)
			}
			if started != nil {
				if err := s.Stop(t.Context(), started.ID, narada.SessionComplete); err != test.stop {
					t.Error(err)
				}
			}
			want(t, "what is stored", w.stored, test.stored)
			want(t, "events", w.notes, test.notes)
		})
	}
}

func TestAStartIsStoredBeforeItIsAskedFor(t *testing.T) {
	w, s := newWorld()
	s.Store = w
	w.start = func(context.Context, int) error {
		want(t, "what is stored", w.stored, []string{"put "})
		return nil
	}
	if _, err := s.Start(t.Context(), narada.SessionRequest{}); err != nil {
		t.Error(err)
	}
}

func TestTheEndOfASessionIsKnownAsFarAsPossible(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, test := range map[string]struct {
		s      store.Session
		status string
		runs   bool
	}{
		"it was not stopped":               {store.Session{ID: "s"}, "open", true},
		"its timeout is to come":           {store.Session{ID: "s", EndsAt: now.Add(time.Second)}, "open", true},
		"its timeout is over":              {store.Session{ID: "s", EndsAt: now}, "expired", false},
		"no answer came":                   {store.Session{}, "unknown", true},
		"no answer came, its time is over": {store.Session{EndsAt: now}, "expired", false},
		"it was stopped":                   {store.Session{ID: "s", Status: narada.SessionFailed, EndedAt: now, EndsAt: now}, "failed", false},
	} {
		d := NewDocument(test.s, now)
		if d.Status != test.status || d.MayRun() != test.runs {
			t.Errorf("%s: %+v", name, d)
		}
	}
}
