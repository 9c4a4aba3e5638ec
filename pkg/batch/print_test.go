package batch

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
	"github.com/narada-cli/narada/pkg/term"
)

// ended returns the outcome of a line whose task took 90 s.
func ended(t *testing.T, line Line, status narada.Status, response string) Outcome {
	t.Helper()
	return endedAfter(t, 90*time.Second, line, status, response)
}

func endedAfter(t *testing.T, took time.Duration, line Line, status narada.Status, response string) Outcome {
	t.Helper()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	doc := `{"requestId":"req_1","status":"` + string(status) + `","response":` + response + `,"createdAt":"` + at.Format(time.RFC3339) + `","completedAt":"` + at.Add(took).Format(time.RFC3339) + `"}`
	result, err := narada.ParseResult([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	return Outcome{Line: line, State: State{Phase: Finished, Task: 1, RequestID: "req_1", Status: status}, Result: result}
}

// outcomes has one of each kind.
func outcomes(t *testing.T) []Outcome {
	t.Helper()
	mismatch := ended(t, Line{Number: 8}, "success", `{"text":"9"}`)
	mismatch.Mismatch = store.Mismatch{SchemaErrors: []string{"/n: missing"}, AssertErrors: []string{".a: gave false"}}
	return []Outcome{
		ended(t, Line{Number: 1}, "success", `{"text":"first line\n\tsecond line of a long answer that does not fit"}`),
		ended(t, Line{Number: 2, ID: "acme"}, "success", `{"text":"x","structuredOutput":{ "a": "<b> c" }}`),
		ended(t, Line{Number: 3, ID: "an-id-that-is-much-too-long-for-a-terminal"}, "success", `{"text":"数一数这家公司有多少职位空缺的列表"}`),
		ended(t, Line{Number: 4}, "success", `{}`),
		ended(t, Line{Number: 5}, "error", `{"text":"no"}`),
		ended(t, Line{Number: 6}, "error", `{"text":"the site refused the login: the account is locked until somebody unlocks it, which takes two working days at least; it is open from nine to five"}`),
		ended(t, Line{Number: 7}, "input-required", `{}`),
		mismatch,
		{Line: Line{Number: 9}, State: State{Phase: Refused, Failure: "422"}},
		{Line: Line{Number: 10}, State: State{Phase: Unknown}},
		{State: State{Phase: Pruned}},
		{Line: Line{Number: 12}, State: State{Phase: Finished, RequestID: "req_2", Status: "success"}},
	}
}

func printedAs(t *testing.T, p *output.Rows, list ...Outcome) string {
	t.Helper()
	var b strings.Builder
	masker := p.Printer
	p.Printer = output.NewPrinter(&b, false, nil)
	if masker != nil {
		p.Masker = masker.Masker
	}
	for _, o := range list {
		if err := o.print(p); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestOutcomesArePrintedAsText(t *testing.T) {
	p := &output.Rows{}
	p.Reserve("line 10")
	const whole = `✓ line 1   success   1m30s  first line second line of a long answer that does not fit
✓ acme     success   1m30s  {"a":"<b> c"}
✓ an-id-that-is-much-too-long-for-a-terminal  success   1m30s  数一数这家公司有多少职位空缺的列表
✓ line 4                    success   1m30s
✗ line 5                    error     1m30s  no
✗ line 6                    error     1m30s  the site refused the login: the account is locked until somebody unlocks it, which takes two working days at least; it is open from nine to five
✗ line 7                    input-required  1m30s  its answer has no text
✗ line 8                    mismatch  1m30s  its data does not fit the schema: /n: missing; 1 assertion failed: .a: gave false
✗ line 9                    refused       -  422
? line 10                   unknown       -  it is not known whether the task was accepted
? a removed line            pruned        -  its task is no longer in the ledger
✓ line 12                   success       -  its result is not in the ledger; get it with: narada status req_2
`
	if diff := cmp.Diff(whole, printedAs(t, p, outcomes(t)...)); diff != "" {
		t.Error(diff)
	}
	p = &output.Rows{Width: func() int { return 40 }}
	p.Reserve("line 10")
	const narrow = `✓ line 1   success   1m30s  first line …
✓ acme     success   1m30s  {"a":"<b> c…
✓ an-id-that-i…  success   1m30s  数一…
✓ line 4         success   1m30s
✗ line 5         error     1m30s  no
✗ line 6         error     1m30s
    the site refused the login: the
    account is locked until somebody
    unlocks it, which takes …
✗ line 7         input-required  1m30s
    its answer has no text
✗ line 8         mismatch  1m30s
    its data does not fit the schema:
    /n: missing; 1 assertion failed: .a:
    gave false
✗ line 9         refused       -  422
? line 10        unknown       -
    it is not known whether the task was
    accepted
? a removed li…  pruned        -
    its task is no longer in the ledger
✓ line 12        success       -  its r…
`
	if diff := cmp.Diff(narrow, printedAs(t, p, outcomes(t)...)); diff != "" {
		t.Error(diff)
	}
}

// The guide shows results as they look on a terminal.
func TestTheGuideHasTheTextOfATerminal(t *testing.T) {
	guide, err := os.ReadFile("../../docs/batches.md")
	if err != nil {
		t.Fatal(err)
	}
	mismatch := endedAfter(t, 51*time.Second, Line{Number: 4}, "success", `{"text":"9"}`)
	mismatch.AssertErrors = []string{".response.structuredOutput.max > 0: gave false"}
	text := printedAs(t, &output.Rows{Width: func() int { return 80 }},
		endedAfter(t, 72*time.Second, Line{Number: 1}, "success", `{"text":"The salary range at this company is between eighty and one hundred thousand dollars a year."}`),
		endedAfter(t, 48*time.Second, Line{Number: 2, ID: "acme"}, "success", `{"structuredOutput":{"min":90000,"max":120000}}`),
		endedAfter(t, 123*time.Second, Line{Number: 3}, "error", `{"text":"the site refused the login: the account is locked until an administrator confirms the address"}`),
		mismatch, Outcome{Line: Line{Number: 5}, State: State{Phase: Unknown}})
	if !strings.Contains(strings.ReplaceAll(string(guide), "\r\n", "\n"), "```text\n"+text+"```\n") {
		t.Errorf("it does not have\n%s", text)
	}
}

// No line is wider than the terminal, however narrow that is.
func TestTextFitsTheTerminal(t *testing.T) {
	for width := 1; width < 120; width++ {
		p := &output.Rows{Width: func() int { return width }}
		text := printedAs(t, p, outcomes(t)...)
		for line := range strings.Lines(text) {
			if line = strings.TrimSuffix(line, "\n"); width > 12 && term.Cut(line, width) != line {
				t.Errorf("%d columns: %q", width, line)
			}
		}
	}
}

// What others wrote is on one line, and controls no terminal. A secret is masked before it
// could be cut.
func TestTextOfOthersIsSafeAndMasked(t *testing.T) {
	masker := secret.NewMasker(term.OneLine, term.Visible)
	masker.Hide(secret.New(`s3cret of"mine`))
	var list []Outcome
	for _, response := range []string{`{"text":"\u001b]0;t\u0007\u202e\n✓ line 2 s3cret of\"mine"}`, `{"structuredOutput":{"a\u001b":"s3cret of\"mine\u202e"}}`} {
		list = append(list, ended(t, Line{Number: 1}, "success", response), ended(t, Line{Number: 1, ID: "s3cret of\"mine\x1b"}, "error", response))
	}
	list = append(list, Outcome{Line: Line{Number: 1}, State: State{Phase: Refused, Failure: "s3cret of\"mine\x1b\n\n"}})
	for _, width := range []func() int{nil, func() int { return 38 }, func() int { return 80 }} {
		text := printedAs(t, &output.Rows{Printer: &output.Printer{Masker: masker}, Width: width}, list...)
		if strings.ContainsAny(text, "\x1b\x07\u202e") || strings.Contains(text, "s3cr") || strings.Contains(text, "\n✓ line 2") || !strings.Contains(text, "***") {
			t.Errorf("%s", text)
		}
	}
	bad := list[1]
	if got := bad.brief(masker.Mask); got.Result != nil || strings.Contains(got.Reason(), "s3cr") || !strings.HasPrefix(got.Reason(), "^[]0;t^G<U+202E> ✓ line 2 ***") {
		t.Errorf("got %q", got.Reason())
	}
}

func TestTheMarkOfATextIsColoured(t *testing.T) {
	var b strings.Builder
	p := &output.Rows{Printer: output.NewPrinter(&term.Writer{W: &b, Color: true}, false, nil)}
	for _, o := range []Outcome{ended(t, Line{Number: 1}, "success", `{"text":"yes"}`), ended(t, Line{Number: 1}, "error", `{"text":"no"}`), {Line: Line{Number: 1}, State: State{Phase: Unknown, Failure: "why"}}} {
		if err := o.print(p); err != nil {
			t.Fatal(err)
		}
	}
	want := "\x1b[32m✓\x1b[0m line 1  success   1m30s  yes\n\x1b[31m✗\x1b[0m line 1  error     1m30s  no\n" +
		"\x1b[33m?\x1b[0m line 1  unknown       -  why\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

// The reason remains when the result is dropped, shortened.
func TestAReasonIsKeptWithoutItsResult(t *testing.T) {
	for _, o := range outcomes(t) {
		if got := o.brief(nil); o.Result != nil && !o.Succeeded() && (got.Reason() != o.Reason() || got.Result != nil) {
			t.Errorf("got %q, want %q", got.Reason(), o.Reason())
		}
	}
	long := ended(t, Line{Number: 1}, "error", `{"text":"`+strings.Repeat("long ", 100)+`"}`)
	if got := long.brief(nil).Reason(); got != term.Cut(strings.Repeat("long ", 100), maxReason) {
		t.Errorf("got %q", got)
	}
}

func TestStdoutMayGetText(t *testing.T) {
	inWorld(t, func(w *world) {
		o := w.options("good 1s\n" + strings.Repeat("\n", 8) + "bad 2s\n")
		o.Text = true
		w.run(o)
		lines := strings.Split(strings.TrimSpace(w.out.String()), "\n")
		if len(lines) != 2 || !strings.HasPrefix(lines[0], "✓ line 1   success  ") || !strings.HasPrefix(lines[1], "✗ line 10  error  ") {
			t.Errorf("%q", lines)
		}
		o.Results = w.path("out.jsonl")
		w.run(o)
		if got := printed(t, w.read("out.jsonl")); len(got) != 2 || w.out.Len() > 0 {
			t.Errorf("the file has %q, stdout %q", got, w.out.String())
		}
	})
}

func TestWhatIsToBeDoneNextIsSaid(t *testing.T) {
	command := func(words ...string) []string { return append([]string{"narada"}, words...) }
	const again = ", with the same flags as before: narada batch run "
	for name, test := range map[string]struct {
		s      Summary
		failed []Phase
		want   []string
	}{
		"all succeeded": {Summary{Name: "jobs", Input: "/a/jobs.txt", Lines: 2, Sent: 2}, nil, []string{"print the results: narada batch results jobs"}},
		"nothing sent":  {Summary{Name: "jobs", Input: "/a/jobs.txt", Lines: 2}, nil, []string{"resume" + again + "/a/jobs.txt"}},
		"all kinds": {Summary{Name: "mine", Input: "/a/my jobs.txt", Lines: 5, Sent: 5}, []Phase{Finished, Refused, Unknown, Running, New, Pruned}, []string{
			"resume" + again + `"/a/my jobs.txt" --name mine`,
			"send failed lines again" + again + `"/a/my jobs.txt" --name mine --retry-failed`,
			"check in the cloud which of the unknown tasks run; send them again" + again + `"/a/my jobs.txt" --name mine --resend-unknown`,
			"send pruned lines again, and all others" + again + `"/a/my jobs.txt" --name mine --restart`,
			"print the results: narada batch results mine",
		}},
		"from stdin":        {Summary{Name: "stdin", Input: "-", Lines: 1}, nil, []string{"resume" + again + "- < INPUT"}},
		"from stdin, named": {Summary{Name: "mine", Input: "-", Lines: 1}, nil, []string{"resume" + again + "- --name mine < INPUT"}},
		"from a pipe":       {Summary{Name: "stdin", Input: "/dev/fd/63", Lines: 1}, nil, []string{"resume" + again + "INPUT --name stdin"}},
		"some are in no input": {Summary{Name: "jobs", Input: "/a/jobs.txt", Lines: 1, Sent: 2}, []Phase{Finished}, []string{
			"send failed lines again" + again + "/a/jobs.txt --retry-failed", "print the results: narada batch results jobs"}},
	} {
		var failed []Outcome
		for _, p := range test.failed {
			failed = append(failed, Outcome{State: State{Phase: p}})
		}
		if diff := cmp.Diff(test.want, slices.Clip(test.s.Next(failed, command))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
