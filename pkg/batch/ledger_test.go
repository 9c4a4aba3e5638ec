package batch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/narada-cli/narada/pkg/await"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/task"
)

func TestAnotherBatchWithTheSameNameIsRefused(t *testing.T) {
	const text = "good 0s\n"
	for name, test := range map[string]struct {
		change func(*world)
		sent   int
		text   string
	}{
		"of another cloud": {func(w *world) { w.batch.Cloud = "https://other.example.com" }, 0, `the batch "jobs" belongs to the API at https://other.example.com, not `},
		"of another input": {func(w *world) {
			w.items = map[Key]*store.ItemTask{{1}: {Item: store.Item{Key: make([]byte, 16), Line: 1}}}
		}, 1, `the batch "jobs" has another input: none of the 1 lines sent from `},
	} {
		w := newWorld(t)
		w.earlier(text, map[string]store.Task{"good": finished})
		test.change(w)
		before := *w.batch
		_, err := w.open(w.options(text)).Run(t.Context(), w.backend())
		other, ok := errors.AsType[*OtherBatchError](err)
		if !ok || other.Sent != test.sent || other.Was != before || *w.batch != before || len(other.Changed) > 0 {
			t.Errorf("%s: %v, %+v", name, err, other)
		}
		if !strings.HasPrefix(err.Error(), test.text) {
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

// All lines are sent again, also with another input and another cloud.
func TestARestartSendsAllLinesAgain(t *testing.T) {
	w := newWorld(t)
	w.earlier("good 0s\nrunning 0s\nunsure 0s\npruned 0s\n", map[string]store.Task{"good": finished, "running": running, "unsure": unknown, "pruned": pruned})
	w.batch.Cloud = "https://other.example.com"
	o := w.options("good 0s\nbetter 0s\n")
	o.Restart = true
	refused := errors.New("not confirmed")
	asked := ""
	o.Confirm = func(_ context.Context, sent, open int) error {
		asked = fmt.Sprint(sent, " ", open)
		return refused
	}
	if _, err := w.open(o).Run(t.Context(), w.backend()); err != refused || asked != "4 2" || len(w.items) != 4 {
		t.Errorf("%v, asked %q; it has %d lines", err, asked, len(w.items))
	}
	o.Confirm = func(context.Context, int, int) error { return nil }
	v := w.run(o)
	wantEnding(t, v, AllSucceeded, nil)
	w.wantSent("better 0s", "good 0s")
	if v.Tally.Sent != 2 || v.Tally.Earlier != 0 || w.batch.Cloud != w.cloud || w.batch.Input != w.path("jobs.txt") {
		t.Errorf("%+v, %+v", v.Tally, w.batch)
	}
	if !slices.Contains(w.events, Event(Restarted{4, 2})) {
		t.Errorf("reported %+v", w.events)
	}
	w.run(w.options("good 0s\nbetter 0s\n"))
	w.wantSent()
}

// A batch that cannot begin is not restarted.
func TestARestartThatCannotBeginKeepsTheLines(t *testing.T) {
	w := newWorld(t)
	w.earlier("good 0s\n", map[string]store.Task{"good": finished})
	o := w.options("good 0s\n")
	o.Restart = true
	backend := w.backend()
	wrong := errors.New("no endpoint")
	backend.Open = func(context.Context, func(*await.Options)) (Engine, error) { return nil, wrong }
	if _, err := w.open(o).Run(t.Context(), backend); err != wrong || len(w.items) != 1 {
		t.Errorf("%v; it has %d lines", err, len(w.items))
	}
}

// What was sent is kept, and each run reports the change until lines are sent.
func TestAChangeOfWhatTheTasksHaveInCommonIsReported(t *testing.T) {
	w := newWorld(t)
	w.name = "jobs.csv"
	const text = "id,name\na,good 0s\nb,bad 0s\n"
	w.write("schema.json", `{"type": "object"}`)
	options := func(prompt string, change func(*task.Spec)) Options {
		o := w.options(text)
		spec := task.Spec{Agent: "generalist", OwnCallback: true, AnyWindow: true}
		change(&spec)
		var err error
		if o.Template, err = spec.Template(&secret.Source{Lookup: os.LookupEnv}); err != nil {
			t.Fatal(err)
		}
		if o.Prompt, err = ParsePrompt(prompt); err != nil {
			t.Fatal(err)
		}
		return o
	}
	w.run(options("{{.name}}", func(*task.Spec) {}))
	for _, test := range []struct {
		prompt string
		change func(*task.Spec)
		want   []string
	}{
		{"{{.name}}", func(*task.Spec) {}, nil},
		{"{{.name}} ", func(*task.Spec) {}, []string{"--prompt"}},
		{"{{.name}} ", func(s *task.Spec) { s.Agent, s.Schema = "core", w.path("schema.json") }, []string{"--prompt", "--agent", "--schema"}},
		{"{{.name}} ", func(s *task.Spec) { s.Agent, s.Schema = "core", w.path("schema.json") }, []string{"--prompt", "--agent", "--schema"}},
		{"{{.name}} ", func(s *task.Spec) { s.Vars = []string{"a=b"} }, []string{"--prompt", "task flags"}},
		{"{{.name}}", func(*task.Spec) {}, nil},
	} {
		w.run(options(test.prompt, test.change))
		var got []string
		for _, e := range w.events {
			if e, ok := e.(SettingsChanged); ok {
				if got = e.Changed; e.Lines != 2 {
					t.Errorf("%d lines were sent before", e.Lines)
				}
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Error(diff)
		}
		w.wantSent()
	}
	more := options("{{.name}} ", func(*task.Spec) {})
	w.write("jobs.csv", text+"c,good 0s\n")
	w.run(more)
	w.wantSent("good 0s ")
	w.run(more)           // lines were sent with it
	w.batch.Settings = "" // of an older version
	w.run(options("{{.name}}", func(*task.Spec) {}))
	for _, e := range w.events {
		if e, ok := e.(SettingsChanged); ok {
			t.Errorf("reported %+v", e)
		}
	}
}

func TestABatchIsDeletedUnlessItRuns(t *testing.T) {
	w := newWorld(t)
	w.earlier("good 0s\n", map[string]store.Task{"good": finished})
	unlock, err := lock(w.dir, "jobs")
	if err != nil {
		t.Fatal(err)
	}
	if err := Delete(t.Context(), w, w.dir, "jobs"); err == nil || err.Error() != `another narada process is running the batch "jobs"` || w.batch == nil {
		t.Errorf("got %v", err)
	}
	unlock()
	if err := Delete(t.Context(), w, w.dir, "jobs"); err != nil || w.batch != nil {
		t.Errorf("got %v", err)
	}
	for _, name := range []string{"jobs", "../none"} {
		if err := Delete(t.Context(), w, w.dir, name); !errors.Is(err, ErrNoBatch) {
			t.Errorf("%s: %v", name, err)
		}
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
			i.Mismatch = `{"schemaErrors":["/n: must be a number"]}`
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
	s, failed, err := Show(t.Context(), w, "jobs", nil)
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
	if got, want := (keptOutcome(store.ItemTask{Item: store.Item{Line: 8}, Task: store.Task{Number: 1, Status: store.StatusRefused}})).Text(),
		"line 8: refused: not accepted yet; the next run sends it"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var printedText strings.Builder
	p := &output.Rows{Printer: output.NewPrinter(&printedText, false, nil)}
	p.AsJSON = true
	open, err := Results(t.Context(), w, "jobs", p)
	if err != nil || open != 2 {
		t.Errorf("%d are open, %v", open, err)
	}
	if diff := cmp.Diff([]string{"1 success", "3 refused", "6 pruned", "0 error"}, printed(t, printedText.String())); diff != "" {
		t.Error(diff)
	}
	for _, err := range []error{
		func() error { _, _, err := Show(t.Context(), w, "none", nil); return err }(),
		func() error { _, err := Results(t.Context(), w, "none", nil); return err }(),
	} {
		if !errors.Is(err, ErrNoBatch) {
			t.Errorf("got %v", err)
		}
	}
}
