package batch

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/store"
)

// answered has the lines of results as an earlier run has written them: the store has the
// answer req_1, and not that of req_lost.
const (
	answered = `{"id":null,"line":1,"requestId":"req_1","status":"success","response":{"text":"other white space"}}` + "\n"
	lostLine = `{"id":null,"line":2,"requestId":"req_lost","status":"success","response":{"text":"only here"}}` + "\n"
	noAnswer = `{"id":null,"line":3,"requestId":null,"status":"unknown","error":"it is not known whether the task was accepted"}` + "\n"
)

func (w *world) kept(name string) int {
	for _, e := range w.events {
		if e, ok := e.(EarlierKept); ok && e.Path == w.path(name)+earlierSuffix {
			return e.Lines
		}
	}
	return 0
}

// They stay beside the new results until the store has them, however often the batch runs.
func TestAnswersThatOnlyTheResultsFileHasAreKept(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		w := newWorld(t)
		const text = "good 0s\nlost 0s\nlost 0s\nnew 0s\n"
		w.earlier(text, map[string]store.Task{"good": finished, "lost": unknown})
		w.receives = "https://elsewhere/"
		w.write("out.jsonl", answered+lostLine+noAnswer)
		for range 3 {
			w.resultsIn("out.jsonl", text, func(o *Options) { o.Ordered = ordered })
			if got := printed(t, w.read("out.jsonl")); !slices.Contains(got, "2 unknown") || len(got) != 4 {
				t.Errorf("the results are %q", got)
			}
			if diff := cmp.Diff(lostLine, w.read("out.jsonl.earlier")); diff != "" || w.kept("out.jsonl") != 1 {
				t.Errorf("%s; reported %+v", diff, w.events)
			}
		}
		for _, i := range w.items { // a callback that arrived late
			if i.Line == 2 {
				i.Task = store.Task{Number: i.Task.Number, RequestID: "req_lost", Status: "success", FinishedAt: finished.FinishedAt}
			}
		}
		w.resultsIn("out.jsonl", text)
		if _, err := os.Stat(w.path("out.jsonl.earlier")); !errors.Is(err, os.ErrNotExist) || w.kept("out.jsonl") != 0 {
			t.Errorf("it is left: %v; reported %+v", err, w.events)
		}
	}
}

// Pruned answers are in no store.
func TestPrunedAnswersAreKept(t *testing.T) {
	w := newWorld(t)
	w.earlier("good 0s\nlost 0s\n", map[string]store.Task{"good": finished, "lost": pruned})
	w.write("out.jsonl", answered+lostLine)
	w.resultsIn("out.jsonl", "good 0s\nlost 0s\n")
	if diff := cmp.Diff(lostLine, w.read("out.jsonl.earlier")); diff != "" {
		t.Error(diff)
	}
}

// What a query has made of a result cannot be found in the store.
func TestResultsOfAQueryAreKeptWhileALineHasNoAnswer(t *testing.T) {
	query, err := output.ParseQuery(t.Context(), ".line")
	if err != nil {
		t.Fatal(err)
	}
	const text = "good 0s\nlost 0s\n"
	for name, test := range map[string]struct {
		tasks map[string]store.Task
		want  string
	}{
		"unknown":  {map[string]store.Task{"good": finished, "lost": unknown}, "an answer\nof two lines\n"},
		"finished": {map[string]store.Task{"good": finished, "lost": finished}, ""},
	} {
		w := newWorld(t)
		w.earlier(text, test.tasks)
		w.receives = "https://elsewhere/"
		w.write("out.txt", "1\nan answer\nof two lines\n")
		w.resultsIn("out.txt", text, func(o *Options) { o.Query = query })
		got, err := os.ReadFile(w.path("out.txt.earlier"))
		if diff := cmp.Diff(test.want, string(got)); diff != "" || (err == nil) != (test.want != "") {
			t.Errorf("%s: %s, %v", name, diff, err)
		}
	}
}

// If they cannot be kept, nothing is sent, and the file is not replaced.
func TestABatchDoesNotBeginIfEarlierAnswersCannotBeKept(t *testing.T) {
	for _, name := range []string{"out.jsonl", "missing.jsonl"} {
		w := newWorld(t)
		w.write("out.jsonl", lostLine)
		w.mkdir(name + ".earlier")
		o := w.options("good 0s\n")
		o.Results = w.path(name)
		_, err := w.open(o).Run(t.Context(), w.backend())
		if failure, ok := errors.AsType[*ResultsError](err); !ok || !failure.Usage || !strings.HasSuffix(failure.Error(), ".earlier: is a folder") {
			t.Errorf("%s: %v", name, err)
		}
		if w.read("out.jsonl") != lostLine || len(w.sent) > 0 {
			t.Errorf("%s: sent %q, and the file has %q", name, w.sent, w.read("out.jsonl"))
		}
		w.wantNothingTemporary()
	}
}

// The store of a sandbox knows nothing of the file.
func TestATemporaryStoreKeepsNoEarlierResults(t *testing.T) {
	w := newWorld(t)
	w.write("out.jsonl", lostLine)
	o := w.options("good 0s\n")
	o.Results = w.path("out.jsonl")
	backend := w.backend()
	backend.Temporary = true
	if _, err := w.open(o).Run(t.Context(), backend); err != nil {
		t.Fatal(err)
	}
	w.wantFile("out.jsonl", "1 success")
	if _, err := os.Stat(w.path("out.jsonl.earlier")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
