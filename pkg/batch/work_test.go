package batch

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/narada-cli/narada/pkg/store"
)

// fillingStore has one batch, whose run puts lines into the store for a while.
type fillingStore struct {
	Store
	until time.Time // when all are there, and have finished
}

func (s fillingStore) Batch(_ context.Context, name string) (store.Batch, bool, error) {
	return store.Batch{Number: 1, Name: name}, true, nil
}

func (s fillingStore) Works(_ context.Context, _ int64) ([]store.Work, error) {
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
