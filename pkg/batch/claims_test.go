package batch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/store/sqlite"
)

// machine is one of several that share a ledger. Each task takes a second.
type machine struct {
	store.Ledger
	t *testing.T

	interrupt <-chan struct{} // stops the sending; nil: nothing does

	write func(ops []store.Op) error // called after each write of the batch's
	use   func(name string) error    // called before each use of the store, with the method or op
	mu    sync.Mutex
	sent  []string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	l, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{Mask: func(s string) string { return s }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return &machine{Ledger: l, t: t, write: func([]store.Op) error { return nil }, use: func(string) error { return nil }}
}

// Write implements store.Writer.
func (m *machine) Write(ctx context.Context, ops ...store.Op) error {
	for _, op := range ops {
		if err := m.use(strings.TrimPrefix(fmt.Sprintf("%T", op), "*store.")); err != nil {
			return err
		}
	}
	if err := m.Ledger.Write(ctx, ops...); err != nil {
		return err
	}
	return m.write(ops)
}

// Works implements Store.
func (m *machine) Works(ctx context.Context, batch int64) ([]store.Work, error) {
	if err := m.use("Works"); err != nil {
		return nil, err
	}
	return m.Ledger.Works(ctx, batch)
}

// Claimed implements Store.
func (m *machine) Claimed(ctx context.Context, owner string, call int64) ([]store.Claimed, error) {
	if err := m.use("Claimed"); err != nil {
		return nil, err
	}
	return m.Ledger.Claimed(ctx, owner, call)
}

// FinishedLines implements Store.
func (m *machine) FinishedLines(ctx context.Context, batch, after int64, limit int) ([][]byte, int64, error) {
	if err := m.use("FinishedLines"); err != nil {
		return nil, 0, err
	}
	return m.Ledger.FinishedLines(ctx, batch, after, limit)
}

// Run implements Engine.
func (m *machine) Run(ctx context.Context, j await.Job) (await.Answer, error) {
	j.Sent()
	m.mu.Lock()
	m.sent = append(m.sent, j.Prompt)
	m.mu.Unlock()
	id := fmt.Sprint("req_", j.Task)
	if err := m.Ledger.Write(ctx, j.Guard, &store.Accept{Task: j.Task, RequestID: id, At: time.Now()}); err != nil {
		return await.Answer{}, &await.UnfinishedError{ID: id, Cause: err}
	}
	return m.Resume(ctx, await.Dispatched{Task: j.Task, RequestID: id})
}

// Resume implements Engine.
func (m *machine) Resume(ctx context.Context, d await.Dispatched) (await.Answer, error) {
	if !await.Sleep(ctx, time.Second) {
		return await.Answer{}, &await.UnfinishedError{ID: d.RequestID, Cause: context.Cause(ctx)}
	}
	r, err := narada.ParseResult([]byte(fmt.Sprintf(`{"requestId":%q,"status":"success","completedAt":"2026-01-01T00:00:00Z"}`, d.RequestID)))
	return await.Answer{Task: d.Task, Result: r}, err
}

func (m *machine) Receives(string) bool                                       { return false }
func (m *machine) Issue() (store.Address, error)                              { return store.Address{}, nil }
func (m *machine) Withdraw(store.Address)                                     {}
func (m *machine) Open(context.Context, func(*await.Options)) (Engine, error) { return m, nil }

// run runs a batch in a state folder of its own.
func (m *machine) run(ctx context.Context, text string, change func(*Options)) (Verdict, error) {
	w := newWorld(m.t)
	o := w.options(text)
	o.Share, o.Source, o.Concurrency, o.Masker = true, &secret.Source{}, 4, output.Masker(nil)
	change(&o)
	backend := w.backend()
	backend.Store, backend.Open = m, m.Open
	if m.interrupt != nil {
		backend.Interrupt = func() <-chan struct{} { return m.interrupt }
	}
	v, err := w.open(o).Run(ctx, backend)
	if got := printed(m.t, w.out.String()); len(got) != v.Tally.Ended {
		m.t.Errorf("printed %q of %+v", got, v.Tally)
	}
	return v, err
}

func lines12() string { return "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\n" }

// A claim of which it is not known whether it was stored is asked about.
func TestAClaimInDoubtIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		m.write = func(ops []store.Op) error {
			if slices.ContainsFunc(ops, func(op store.Op) bool { _, ok := op.(*store.Claim); return ok }) {
				return goneError{errGone}
			}
			return nil
		}
		v, err := m.run(t.Context(), lines12(), func(*Options) {})
		if err != nil || v.Ending != AllSucceeded || len(m.sent) != 12 {
			t.Errorf("%+v, %v; sent %q", v, err, m.sent)
		}
	})
}

// Lines that are put into the store while it cannot be reached are put there later.
func TestABatchIsFilledOnceItsStoreIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		back := time.Now().Add(time.Minute)
		m.write = func(ops []store.Op) error {
			if slices.ContainsFunc(ops, func(op store.Op) bool { _, ok := op.(*store.QueueLine); return ok }) && time.Now().Before(back) {
				return goneError{errGone}
			}
			return nil
		}
		if v, err := m.run(t.Context(), lines12(), func(*Options) {}); err != nil || v.Ending != AllSucceeded || len(m.sent) != 12 {
			t.Errorf("%+v, %v; sent %q", v, err, m.sent)
		}
	})
}

// A run that is ended leaves its tasks to another one, which need not wait for the leases.
func TestARunThatIsEndedEndsItsLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		terminated := errors.New("terminated")
		time.AfterFunc(1500*time.Millisecond, func() { cancel(terminated) })
		v, err := m.run(ctx, lines12(), func(o *Options) { o.Lease = time.Hour })
		if err != nil || v.Ending != Interrupted || v.Tally.Ended != 4 || v.Tally.Unfinished != 4 || v.Tally.Sent != 8 {
			t.Errorf("%+v, %v", v, err)
		}
		begun := time.Now()
		v, err = m.run(t.Context(), lines12(), func(*Options) {})
		if took := time.Since(begun); err != nil || v.Ending != AllSucceeded || len(m.sent) != 12 || took > 4*time.Second || v.Tally.Earlier != 8 {
			t.Errorf("%+v, %v after %s; sent %q", v, err, took, m.sent)
		}
	})
}

// An answer that is not stored is one of the run that has got it, which waits for the store
// no longer than its tasks last, and a little more.
func TestAnswersOfAStoppedRunWithoutItsStoreAreTaken(t *testing.T) {
	for name, test := range map[string]struct {
		change        func(*Options)
		first, second time.Duration // until an interrupt
		min, max      time.Duration
	}{
		"stopped":            {func(*Options) {}, 700 * time.Millisecond, time.Hour, 6 * time.Second, 8 * time.Second},
		"stopped and ended":  {func(*Options) {}, 700 * time.Millisecond, 2 * time.Second, 2 * time.Second, 3 * time.Second},
		"stopped afterwards": {func(*Options) {}, time.Minute, time.Hour, 65 * time.Second, 67 * time.Second},
		"ended at once":      {func(*Options) {}, time.Hour, 3 * time.Second, 3 * time.Second, 4 * time.Second},
		"in order":           {func(o *Options) { o.Ordered = true }, 700 * time.Millisecond, 2 * time.Second, 2 * time.Second, 3 * time.Second},
		"with a rate":        {func(o *Options) { o.Rate = 2 }, 700 * time.Millisecond, time.Hour, 6 * time.Second, 8 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, began := newMachine(t), time.Now()
				m.use = func(string) error {
					if time.Since(began) > 600*time.Millisecond {
						return goneError{errGone}
					}
					return nil
				}
				interrupt := make(chan struct{})
				m.interrupt = interrupt
				first := time.AfterFunc(test.first, func() { close(interrupt) })
				defer first.Stop()
				ctx, cancel := context.WithCancelCause(t.Context())
				second := time.AfterFunc(test.second, func() { cancel(errors.New("terminated")) })
				defer second.Stop()
				v, err := m.run(ctx, lines12(), test.change)
				took := time.Since(began)
				if err != nil || v.Ending != Interrupted || v.Tally.Ended != len(m.sent) || v.Tally.Ended == 0 || v.Tally.Unfinished != 0 || took < test.min || took > test.max {
					t.Errorf("%+v, %v after %s; sent %q", v, err, took, m.sent)
				}
			})
		})
	}
}

// Its progress is that of all workers.
func TestTwoRunsOfABatchShareItsLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				v, err := m.run(t.Context(), lines12(), func(o *Options) { o.Concurrency = 3 })
				if err != nil || v.Ending != AllSucceeded || v.Tally.InFlight != 0 {
					t.Errorf("%+v, %v", v, err)
				}
			})
		}
		begun := time.Now()
		both.Wait()
		if took := time.Since(begun); len(m.sent) != 12 || took < 4*time.Second || took > 6*time.Second {
			t.Errorf("sent %q in %s", m.sent, took)
		}
	})
}

// heard returns the events about the store.
func heard(events []Event) (list []string) {
	for _, e := range events {
		switch e.(type) {
		case StoreLost, StoreBack:
			list = append(list, fmt.Sprintf("%T", e))
		}
	}
	return list
}

// sharedUses are the uses of the store of a batch whose lines are there.
var sharedUses = []string{"QueueLine", "ChangeWork", "Works", "Claim", "Claimed", "RenewClaims", "FinishLine", "FinishedLines"}

// sharedRun runs a batch of 12 lines, two at once. Once lines are put into the store, that use of
// it fails with err, for the duration.
func sharedRun(t *testing.T, use string, err error, d time.Duration) (m *machine, v Verdict, events []Event) {
	m = newMachine(t)
	var filling bool
	var first time.Time
	m.use = func(name string) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		filling = filling || name == "QueueLine"
		if name != use || !filling {
			return nil
		}
		if first.IsZero() {
			first = time.Now()
		}
		if time.Since(first) < d {
			return fmt.Errorf("the store: %w", err)
		}
		return nil
	}
	v, failed := m.run(t.Context(), lines12(), func(o *Options) {
		o.Concurrency, o.Lease = 2, 3*time.Second
		o.Report = func(e Event) {
			m.mu.Lock()
			defer m.mu.Unlock()
			events = append(events, e)
		}
	})
	if failed != nil {
		t.Error(failed)
	}
	return m, v, events
}

// Whatever a batch does with its store while that cannot be used is done later, which is said
// once.
func TestABatchWaitsForItsStore(t *testing.T) {
	for _, use := range sharedUses {
		t.Run(use, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, v, events := sharedRun(t, use, goneError{errGone}, 2500*time.Millisecond)
				if v.Ending != AllSucceeded || len(m.sent) != 12 {
					t.Errorf("%+v; sent %q", v, m.sent)
				}
				if diff := cmp.Diff([]string{"batch.StoreLost", "batch.StoreBack"}, heard(events)); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// No time helps: nothing more is sent.
func TestABatchWhoseStoreIsBrokenEnds(t *testing.T) {
	for _, use := range sharedUses {
		t.Run(use, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				m, v, events := sharedRun(t, use, errBroken, time.Hour)
				if took := time.Since(began); v.Ending != Broken || !errors.Is(v.Err, errBroken) || len(m.sent) > 4 || took > 3*time.Second {
					t.Errorf("%+v after %s; sent %q", v, took, m.sent)
				}
				if said := heard(events); len(said) > 0 {
					t.Error(said)
				}
			})
		})
	}
}
