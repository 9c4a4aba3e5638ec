package history

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/store"
)

func TestWordsOfPruneNameWhatDependsOnTheTasks(t *testing.T) {
	for name, test := range map[string]struct {
		found        store.Prunable
		deleted      string
		consequences []string
	}{
		"nothing":    {store.Prunable{}, "0 tasks", nil},
		"one":        {store.Prunable{Tasks: 1}, "1 task", nil},
		"unfinished": {store.Prunable{Tasks: 812, Open: 3}, "812 tasks, 3 of them unfinished", nil},
		"waiting":    {store.Prunable{Tasks: 2, Open: 1, Waiting: 1}, "2 tasks, 1 of them unfinished, with 1 callback not forwarded yet", nil},
		"of batches and kept": {store.Prunable{Tasks: 2, Kept: 4, Batches: []string{"a", "b", "c", "d", "e", "f", "g"}}, "2 tasks", []string{
			"batches that lose answers: a, b, c, d, e and 2 more; their lines stay known, and are not sent again without narada batch run --restart",
			"kept: 4 tasks, unfinished or with a callback to be forwarded; --open deletes them too",
		}},
	} {
		if got := Deleted(test.found); got != test.deleted {
			t.Errorf("%s: %s", name, got)
		}
		if diff := cmp.Diff(test.consequences, consequences(test.found)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

type prunerFunc func(store.Limits) (store.Prunable, error)

func (prunerFunc) Size() int64 { return 3 << 20 }

func (f prunerFunc) Prunable(_ context.Context, limits store.Limits) (store.Prunable, error) {
	return f(limits)
}

func TestExamplesOfPruneCountWhatTheLimitsDelete(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	counts := prunerFunc(func(l store.Limits) (store.Prunable, error) {
		switch {
		case l.Open:
			return store.Prunable{Tasks: 40, Open: 2}, nil
		case l.Keep > 0 && l.Before.IsZero():
			return store.Prunable{Tasks: 30}, nil
		case l.Keep > 0:
			return store.Prunable{Tasks: 10}, nil
		case l.Before.Equal(now.AddDate(0, 0, -30)):
			return store.Prunable{Tasks: 20}, nil
		}
		return store.Prunable{}, nil
	})
	_, got, err := Preview(t.Context(), counts, store.Limits{Open: true}, now)
	want := []string{
		"in the ledger: 40 tasks, 2 of them unfinished", "--older-than 30d would delete 20 tasks", "--keep 1000 would delete 30 tasks",
		"both would delete 10 tasks", "ledger size: 3.0 MiB",
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	found, got, err := Preview(t.Context(), counts, store.Limits{Keep: 1}, now)
	if found.Tasks != 30 || got != nil || err != nil {
		t.Errorf("with limits: got %+v, %v, %v", found, got, err)
	}
	broken := errors.New("broken")
	for _, limits := range []store.Limits{{}, {Keep: 1}} {
		if _, _, err := Preview(t.Context(), prunerFunc(func(store.Limits) (store.Prunable, error) { return store.Prunable{}, broken }), limits, now); err != broken {
			t.Errorf("%+v: got %v", limits, err)
		}
	}
}
