package batch

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/store"
)

func TestAnotherBatchWithTheSameNameIsRefused(t *testing.T) {
	const text = "good 0s\n"
	for name, test := range map[string]struct {
		change func(*world)
		sent   int
	}{
		"of another cloud": {func(w *world) { w.batch.Cloud = "https://other.example.com" }, 0},
		"of another input": {func(w *world) {
			w.items = map[Key]*store.ItemTask{{1}: {Item: store.Item{Key: make([]byte, 16), Line: 1}}}
		}, 1},
	} {
		w := newWorld(t)
		w.earlier(text, map[string]store.Task{"good": finished})
		test.change(w)
		before := *w.batch
		_, err := w.open(w.options(text)).Run(t.Context(), w.backend())
		other, ok := errors.AsType[*OtherBatchError](err)
		if !ok || other.Sent != test.sent || other.Was != before || *w.batch != before {
			t.Errorf("%s: %v, %+v", name, err, other)
		}
		if err.Error() != `there is another batch with the name "jobs"` {
			t.Error(err)
		}
	}
}

func TestAChangedInputIsReported(t *testing.T) {
	w := newWorld(t)
	w.name = "jobs.jsonl"
	const was = `{"id": "a", "prompt": "good 0s"}` + "\n" + `{"id": "b", "prompt": "good 0s"}` + "\n"
	w.run(w.options(was))
	if len(w.sent) != 2 {
		t.Fatalf("sent %q", w.sent)
	}
	for text, want := range map[string]Event{
		was:                                      nil,
		`{"id": "a", "prompt": "bad 0s"}` + "\n": InputChanged{Lines: 1, WasLines: 2, Gone: 1, Different: 1},
	} {
		w.run(w.options(text))
		var got Event
		for _, e := range w.events {
			if e, ok := e.(InputChanged); ok {
				got = e
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
		w.wantSent()
		w.run(w.options(was))
	}
}

// The next process finds it as the last one left it.
func TestOnlyOneProcessRunsABatch(t *testing.T) {
	w := newWorld(t)
	b := w.open(w.options("good 0s\n"))
	unlock, err := lock(w.dir, "jobs")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Run(t.Context(), w.backend()); err == nil || err.Error() != `another narada process is running the batch "jobs"` {
		t.Errorf("got %v", err)
	}
	unlock()
	if _, err := b.Run(t.Context(), w.backend()); err != nil {
		t.Error(err)
	}
}

func TestABackendThatCannotBeOpenedLeavesTheResultsFile(t *testing.T) {
	w := newWorld(t)
	w.write("out.jsonl", "what was there\n")
	o := w.options("good 0s\n")
	o.Results = w.path("out.jsonl")
	backend := w.backend()
	wrong := errors.New("no endpoint")
	backend.Open = func(context.Context, func(*await.Options)) (Engine, error) { return nil, wrong }
	if _, err := w.open(o).Run(t.Context(), backend); err != wrong {
		t.Errorf("got %v", err)
	}
	if text := w.read("out.jsonl"); text != "what was there\n" {
		t.Errorf("it has %q", text)
	}
}

func TestListShowAndResultsReadABatch(t *testing.T) {
	w := newWorld(t)
	const text = "good 0s\nbad 0s\nrefused 0s\nrunning 0s\nunsure 0s\npruned 0s\nnew 0s\n"
	w.earlier(text, map[string]store.Task{
		"good": finished, "bad": finished, "refused": refused, "running": running, "unsure": unknown, "pruned": pruned,
	})
	for key, i := range w.items {
		switch i.Line {
		case 1:
			i.SchemaErrors = `["/n: must be a number"]`
		case 2:
			i.Line = store.GoneLine
		case 6:
			w.items[key].Task = store.Task{}
		}
	}
	want := Summary{Name: "jobs", Input: w.path("jobs.txt"), BaseURL: w.cloud, Lines: 7, Sent: 5, Counts: map[narada.Status]int{
		narada.StatusSuccess: 1, "refused": 1, narada.StatusPending: 1, "unknown": 1, StatusPruned: 1,
	}}
	var list []Summary
	if err := List(t.Context(), w, func(s Summary) error { list = append(list, s); return nil }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Summary{want}, list, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	s, failed, err := Show(t.Context(), w, "jobs")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Error(diff)
	}
	var lines []int
	for _, o := range failed {
		lines = append(lines, o.Number)
	}
	if diff := cmp.Diff([]int{1, 3, 4, 5, 6, 0}, lines); diff != "" {
		t.Error(diff)
	}
	if o := failed[0]; o.StatusName() != narada.StatusSuccess || len(o.SchemaErrors) != 1 {
		t.Errorf("%+v", o)
	}
	text2 := ""
	open, err := Results(t.Context(), w, "jobs", func(doc json.RawMessage) error { text2 += string(doc) + "\n"; return nil })
	if err != nil || open != 2 {
		t.Errorf("%d are open, %v", open, err)
	}
	if diff := cmp.Diff([]string{"1 success", "3 refused", "6 pruned", "0 error"}, printed(t, text2)); diff != "" {
		t.Error(diff)
	}
	for _, err := range []error{
		func() error { _, _, err := Show(t.Context(), w, "none"); return err }(),
		func() error { _, err := Results(t.Context(), w, "none", nil); return err }(),
	} {
		if !errors.Is(err, ErrNoBatch) {
			t.Errorf("got %v", err)
		}
	}
}
