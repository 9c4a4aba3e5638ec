package batch

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/schema"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/task"
)

// asserting makes a template with assertions.
func asserting(t *testing.T, texts ...string) *task.Template {
	t.Helper()
	template, err := task.Spec{Agent: "generalist", OwnCallback: true, AnyWindow: true, Assert: texts}.Template(&secret.Source{})
	if err != nil {
		t.Fatal(err)
	}
	return template
}

// mismatches are what the store has of the lines that do not match.
func (w *world) mismatches() (list []string) {
	for _, i := range w.items {
		if i.Mismatch != "" {
			list = append(list, i.Mismatch)
		}
	}
	return list
}

// An assertion is checked of the result as it is written, and what it gave is stored, with
// secrets masked. Only a success is checked, each run anew.
func TestFailedAssertionsAreFailures(t *testing.T) {
	inWorld(t, func(w *world) {
		o := w.options("good 1s\nbad 1s\n")
		masker := secret.NewMasker()
		masker.Hide(secret.New("s3cret-of-mine"))
		o.Masker, o.Template = masker, asserting(t, `.line == 1`, `("s3cret" + "-of-mine") == .id`)
		v := w.run(o)
		wantEnding(w.t, v, SomeFailed, nil)
		if diff := cmp.Diff(map[narada.Status]int{StatusMismatch: 1, narada.StatusError: 1}, v.Tally.Counts); diff != "" {
			t.Error(diff)
		}
		const want = `"assertErrors":["(\"s3cret\" + \"-of-mine\") == .id: gave false; (\"s3cret\" + \"-of-mine\") is \"***\", .id is null"]`
		if !strings.Contains(w.out.String(), want) || strings.Count(w.out.String(), "assertErrors") != 1 {
			t.Error(w.out.String())
		}
		if diff := cmp.Diff([]string{"{" + want + "}"}, w.mismatches()); diff != "" {
			t.Error(diff)
		}
		o.Template = asserting(t, "true")
		w.run(o)
		w.wantSent()
		if list := w.mismatches(); len(list) > 0 {
			t.Errorf("kept %q", list)
		}
	})
}

// What is known of an answer that the store no longer has remains.
func TestAMismatchRemainsWithoutItsAnswer(t *testing.T) {
	inWorld(t, func(w *world) {
		const text = "good 1s\n"
		w.earlier(text, map[string]store.Task{"good": finished})
		clear(w.results)
		const kept = `{"schemaErrors":["/n: missing"],"assertErrors":[".a: gave false"]}`
		for _, i := range w.items {
			i.Mismatch = kept
		}
		o := w.options(text)
		o.Template = asserting(t, "true")
		o.Check = func(*schema.Schema, *narada.Result) ([]schema.Violation, error) { return nil, nil }
		wantEnding(w.t, w.run(o), SomeFailed, nil)
		if diff := cmp.Diff([]string{kept}, w.mismatches()); diff != "" || !strings.Contains(w.out.String(), `"assertErrors":[".a: gave false"]`) {
			t.Error(diff, w.out.String())
		}
	})
}

// optionsStore has a batch with options of its newest run.
type optionsStore struct {
	Store
	options string
}

func (s optionsStore) Works(context.Context, int64) ([]store.Work, error) {
	return []store.Work{{Options: s.options}}, nil
}

func TestAWorkerChecksTheAssertionsOfTheNewestRunAndTheLine(t *testing.T) {
	c := newClaims(t.Context(), store.Work{}, kept{Assert: []string{".first"}}, tools{store: optionsStore{options: `{"assert":[".second"]}`}})
	defer c.stop(nil)
	wants := func(want ...string) {
		t.Helper()
		list, err := c.claimedAssertions(store.Claimed{Assertions: `[".own"]`})
		if diff := cmp.Diff(want, list.Texts()); diff != "" || err != nil {
			t.Error(diff, err)
		}
	}
	wants(".first", ".own")
	if _, _, err := c.watch(t.Context()); err != nil {
		t.Fatal(err)
	}
	wants(".second", ".own")
}

// A line cannot succeed because what it asserts is not known.
func TestUnreadableAssertionsAreFailures(t *testing.T) {
	c := newClaims(t.Context(), store.Work{}, kept{NoValidate: true}, tools{})
	defer c.stop(nil)
	result, err := narada.ParseResult([]byte(`{"requestId":"req_1","status":"success"}`))
	if err != nil {
		t.Fatal(err)
	}
	for assertions, want := range map[string]string{"": "", `["true"]`: "", "{": "unexpected end of JSON input", `[".a >"]`: "is not a jq expression"} {
		o := &Outcome{State: State{Phase: Finished, Status: narada.StatusSuccess}, Result: result}
		c.checkAnswer(&claimedLine{Claimed: store.Claimed{Assertions: assertions, Request: []byte(`{"prompt":"x"}`)}}, o)
		if text := strings.Join(o.AssertErrors, ""); !strings.Contains(text, want) || o.Succeeded() != (want == "") || (o.StoredMismatch == "") != (want == "") {
			t.Errorf("%s: %q", assertions, text)
		}
	}
}
