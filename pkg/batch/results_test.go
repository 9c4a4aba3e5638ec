package batch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/store"
)

// resultsIn runs a batch that writes its results to the file of that name.
func (w *world) resultsIn(name, text string, change ...func(*Options)) Verdict {
	w.t.Helper()
	o := w.options(text)
	o.Results = w.path(name)
	for _, c := range change {
		c(&o)
	}
	return w.run(o)
}

func (w *world) wantFile(name string, want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(want, printed(w.t, w.read(name))); diff != "" {
		w.t.Errorf("%s: %s", name, diff)
	}
	w.wantNothingTemporary()
}

func (w *world) wantNothingTemporary() {
	w.t.Helper()
	if left, _ := filepath.Glob(w.path(".narada-*")); len(left) > 0 {
		w.t.Errorf("temporary files are left: %q", left)
	}
}

func TestResultsAreWrittenToAFile(t *testing.T) {
	w := newWorld(t)
	w.write("out.jsonl", "what was there\n")
	if err := os.Chmod(w.path("out.jsonl"), 0o640); err != nil {
		t.Fatal(err)
	}
	w.resultsIn("out.jsonl", "good 0s\n")
	w.wantFile("out.jsonl", "1 success")
	if info, err := os.Stat(w.path("out.jsonl")); err != nil || info.Mode().Perm() != 0o640 && runtime.GOOS != "windows" {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	w.resultsIn("out.jsonl", "good 0s\nbad 0s\n")
	w.wantFile("out.jsonl", "1 success", "2 error")
	if w.out.Len() > 0 {
		t.Errorf("stdout has %q", w.out.String())
	}
}

// With - they are written to stdout.
func TestResultsAreWrittenToStdout(t *testing.T) {
	w := newWorld(t)
	o := w.options("good 0s\n")
	o.Results = "-"
	w.run(o)
	w.wantPrinted("1 success")
}

// The link is kept, and its target is written, even if it does not exist yet.
func TestResultsAreWrittenThroughLinks(t *testing.T) {
	w := newWorld(t)
	w.write("real.jsonl", "what was there\n")
	for name, target := range map[string]string{"link.jsonl": "real.jsonl", "dangling.jsonl": "new.jsonl", "absolute.jsonl": w.path("other.jsonl")} {
		if err := os.Symlink(target, w.path(name)); err != nil {
			t.Skip(err) // Windows, without the right to
		}
		if _, err := os.Readlink(w.path(name)); err != nil {
			t.Skip("Wine makes links that it does not follow: ", err)
		}
		w.resultsIn(name, "good 0s\n")
		w.wantFile(name, "1 success")
		if link, err := os.Readlink(w.path(name)); err != nil || link != target {
			t.Errorf("%s leads to %s, %v", name, link, err)
		}
	}
	w.wantFile("real.jsonl", "1 success")
	w.wantFile("new.jsonl", "1 success")
	w.wantFile("other.jsonl", "1 success")
}

func TestAnInvalidResultsPathIsRefused(t *testing.T) {
	w := newWorld(t)
	w.write("file", "")
	input, err := os.Stat(w.path("file"))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		w.dir:                    w.dir + ": it is a folder",
		w.path("none/out.jsonl"): w.path("none") + ": no such file or directory",
		w.path("file/out.jsonl"): w.path("file") + ": it is not a folder",
		w.path("jobs.txt"):       w.path("jobs.txt") + ": it is the input",
	} {
		o := w.options("good 0s\n")
		o.Results = path
		_, err := Open(t.Context(), o)
		if failure, ok := errors.AsType[*ResultsError](err); !ok || !failure.Usage || err.Error() != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	o := w.options("")
	o.Path, o.Stdin, o.StdinFile, o.Results = "-", strings.NewReader("a\n"), input, w.path("file")
	if _, err := Open(t.Context(), o); err == nil || err.Error() != w.path("file")+": it is the input" {
		t.Errorf("got %v", err)
	}
}

// The file never has fewer results than those of the last run: it is replaced once it has
// them again, and with Ordered at the end.
func TestTheResultsFileIsReplacedWhenItIsComplete(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		inWorld(t, func(w *world) {
			const text = "new 5s\ngood 1s\ngood 2s\n"
			w.earlier(text, map[string]store.Task{"good": finished})
			w.write("out.jsonl", "what was there\n")
			seen := ""
			time.AfterFunc(4*time.Second, func() { seen = w.read("out.jsonl") })
			w.resultsIn("out.jsonl", text, func(o *Options) { o.Ordered = ordered })
			synctest.Wait()
			want := "what was there\n"
			if !ordered {
				want = strings.Join(printed(w.t, w.read("out.jsonl"))[:2], ",")
				seen = strings.Join(printed(w.t, seen), ",")
			}
			if seen != want {
				t.Errorf("ordered %v: meanwhile it has %q", ordered, seen)
			}
		})
	}
}

// It is an error even if all tasks succeeded.
func TestAResultsFileThatCannotBeReplacedIsAnError(t *testing.T) {
	w := newWorld(t)
	const text = "good 0s\nnew 0s\n"
	w.earlier(text, map[string]store.Task{"good": finished})
	w.write("out.jsonl", "what was there\n")
	v := w.resultsIn("out.jsonl", text, func(o *Options) {
		report := o.Report
		o.Ordered, o.Report = true, func(e Event) {
			report(e)
			switch {
			case e != Sending{}:
			case runtime.GOOS == "windows": // nothing replaces a file that another program has open
				f, err := os.Open(w.path("out.jsonl"))
				if err != nil {
					t.Error(err)
				}
				t.Cleanup(func() { _ = f.Close() })
			default:
				if err := os.Remove(w.path("out.jsonl")); err != nil {
					t.Error(err)
				}
				w.mkdir("out.jsonl/full")
			}
		}
	})
	failure, ok := errors.AsType[*ResultsError](v.Err)
	if v.Ending != Broken || !ok || failure.Usage || failure.Path != w.path("out.jsonl") || v.Tally.Succeeded() != 2 {
		t.Errorf("%+v", v)
	}
}

func (w *world) mkdir(name string) {
	if err := os.MkdirAll(w.path(name), 0o700); err != nil {
		w.t.Error(err)
	}
}

// The outcomes of earlier runs cannot be read.
func TestTheResultsFileIsKeptIfTheRunCannotStart(t *testing.T) {
	w := newWorld(t)
	w.write("out.jsonl", "what was there\n")
	o := w.options("good 0s\n")
	o.Results = w.path("out.jsonl")
	b := w.open(o)
	backend := w.backend()
	wrong := errors.New("the disk is broken")
	backend.Store = brokenStore{w, wrong}
	v, err := b.Run(t.Context(), backend)
	if err != nil || v.Err != wrong {
		t.Errorf("%+v, %v", v, err)
	}
	if text := w.read("out.jsonl"); text != "what was there\n" {
		t.Errorf("it has %q", text)
	}
	w.wantNothingTemporary()
}

type brokenStore struct {
	*world
	err error
}

func (b brokenStore) Batch(ctx context.Context, name string) (store.Batch, bool, error) {
	return store.Batch{}, false, nil
}

func (b brokenStore) Items(context.Context, int64, [][]byte) ([]store.ItemTask, error) {
	return nil, b.err
}

func TestOutcomesAreEncodedAsJSON(t *testing.T) {
	result, err := narada.ParseResult([]byte(`{"requestId":"req_1","status":"success","line":"theirs","response":{"text":"<a>"},"big":12345678901234567890}`))
	if err != nil {
		t.Fatal(err)
	}
	line := Line{Number: 3, ID: "a"}
	for name, test := range map[string]struct {
		o    Outcome
		want string
	}{
		"a result": {Outcome{Line: line, State: State{Phase: Finished}, Result: result},
			`{"id":"a","line":3,"requestId":"req_1","status":"success","response":{"text":"<a>"},"big":12345678901234567890}`},
		"schema errors": {Outcome{Line: line, State: State{Phase: Finished}, Result: result, Mismatch: store.Mismatch{SchemaErrors: []string{"/n: <no>"}, AssertErrors: []string{".a: gave <b>"}}},
			`{"id":"a","line":3,"schemaErrors":["/n: <no>"],"assertErrors":[".a: gave <b>"],"requestId":"req_1","status":"success","response":{"text":"<a>"},"big":12345678901234567890}`},
		"no longer in the input": {Outcome{State: State{Phase: Refused, Failure: "422"}},
			`{"id":null,"line":null,"requestId":null,"status":"refused","error":"422"}`},
		"unknown": {Outcome{Line: line, State: State{Phase: Unknown}},
			`{"id":"a","line":3,"requestId":null,"status":"unknown","error":"it is not known whether the task was accepted"}`},
		"pruned": {Outcome{Line: line, State: State{Phase: Pruned}},
			`{"id":"a","line":3,"requestId":null,"status":"pruned","error":"its task is no longer in the ledger"}`},
		"a missing result": {Outcome{Line: line, State: State{Phase: Finished, RequestID: "req_1", Status: "success"}},
			`{"id":"a","line":3,"requestId":"req_1","status":"success","error":"its result is not in the ledger; get it with: narada status req_1"}`},
	} {
		doc, err := encodeOutcome(test.o)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, string(doc)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// A query that fails ends the batch.
func TestAQueryIsAppliedToEachResult(t *testing.T) {
	for expression, want := range map[string]string{".line, .status": "1\nsuccess\n", ".line | error": ""} {
		w := newWorld(t)
		w.write("out.txt", "")
		query, err := output.ParseQuery(t.Context(), expression)
		if err != nil {
			t.Fatal(err)
		}
		v := w.resultsIn("out.txt", "good 0s\n", func(o *Options) { o.Query = query })
		if text := w.read("out.txt"); text != want {
			t.Errorf("%s: %q", expression, text)
		}
		if _, failed := errors.AsType[*ResultsError](v.Err); failed != (want == "") {
			t.Errorf("%s: %v", expression, v.Err)
		}
	}
}

// Writing may block.
func TestProgressIsAvailableWhileAResultIsWritten(t *testing.T) {
	w := newWorld(t)
	o := w.options("good 0s\n")
	var b *Batch
	ended := 0
	o.Stdout = writer(func([]byte) error {
		ended = b.Progress().Ended
		return nil
	})
	b = w.open(o)
	if _, err := b.Run(t.Context(), w.backend()); err != nil || ended != 1 {
		t.Errorf("%d have ended, %v", ended, err)
	}
}

// writer is an io.Writer.
type writer func([]byte) error

func (w writer) Write(p []byte) (int, error) { return len(p), w(p) }

func TestAnErrorOfStdoutEndsTheRun(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		w := newWorld(t)
		o := w.options("good 0s\ngood 0s\n")
		wrong := errors.New("wrong")
		o.Ordered, o.Concurrency = ordered, 1
		o.Stdout = writer(func([]byte) error { return wrong })
		wantEnding(t, w.run(o), Broken, wrong)
	}
}

// The lines of earlier runs are not all counted then: a summary would call some not sent.
func TestOutputThatFailsDuringTheRecoveryIsReportedWithoutASummary(t *testing.T) {
	w := newWorld(t)
	const text = "good 0s\ngood 0s \n"
	w.run(w.options(text))
	o := w.options(text)
	wrong := errors.New("no space left on device")
	o.Stdout = writer(func([]byte) error { return wrong })
	v := w.run(o)
	wantEnding(t, v, Broken, wrong)
	for _, e := range w.events {
		switch e.(type) {
		case Resumed, Ended:
			t.Errorf("reported %+v", e)
		}
	}
}
