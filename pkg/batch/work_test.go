package batch

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/store"
)

// fillingStore has one batch, whose run puts lines into the store for a while.
type fillingStore struct {
	Store
	until time.Time // when all are there, and have finished
	fails error     // until then
}

func (s fillingStore) Batch(_ context.Context, name string) (store.Batch, bool, error) {
	return store.Batch{Number: 1, Name: name}, true, nil
}

func (s fillingStore) Works(_ context.Context, _ int64) ([]store.Work, error) {
	if s.fails != nil && time.Now().Before(s.until) {
		return nil, s.fails
	}
	w := store.Work{Batch: store.Batch{Number: 1, Name: "jobs"}, Options: `{"filling":true}`}
	if !time.Now().Before(s.until) {
		w.Options = "{}"
	}
	return []store.Work{w}, nil
}

func TestAWorkerIsNotDoneWhileLinesAreStillToCome(t *testing.T) {
	for name, least := range map[string]time.Duration{"jobs": time.Minute, "": 0} { // without a name, no batch is waited for
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			err := Work(t.Context(), WorkOptions{
				Name: name, Concurrency: 1, UntilDone: true, Store: fillingStore{until: began.Add(time.Minute)},
				Report: func(Event) {}, Interrupt: func() <-chan struct{} { return nil },
			})
			if took := time.Since(began); err != nil || took < least || took > least+time.Second {
				t.Errorf("%q: done after %s, %v", name, took, err)
			}
		})
	}
}

func TestAWorkerWaitsForItsStore(t *testing.T) {
	for want, fails := range map[error]error{nil: goneError{errGone}, errBroken: errBroken} {
		for _, name := range []string{"jobs", ""} {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var events []Event
				err := Work(t.Context(), WorkOptions{
					Name: name, Concurrency: 1, UntilDone: true, Store: fillingStore{until: began.Add(time.Minute), fails: fails},
					Report: func(e Event) { events = append(events, e) }, Interrupt: func() <-chan struct{} { return nil },
				})
				said, least := []string{"batch.StoreLost", "batch.StoreBack"}, time.Minute
				if want != nil {
					said, least = nil, 0
				}
				if took := time.Since(began); err != want || took < least || took > least+2*time.Second {
					t.Errorf("got %v after %s", err, took)
				}
				if diff := cmp.Diff(said, heard(events)); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}
