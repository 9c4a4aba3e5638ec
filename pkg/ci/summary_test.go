package ci

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
	nethtml "golang.org/x/net/html"

	"github.com/narada-cli/narada/pkg/batch"
	"github.com/narada-cli/narada/pkg/contract"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/term"
	"github.com/narada-cli/narada/pkg/units"
)

// page is a summary as GitHub shows it.
type page struct {
	cells  []string // the texts of code in tables
	blocks []string
	rest   string // outside code, where GitHub makes links of names of users, addresses and the like
}

// shown reads Markdown with the extensions of GitHub, raw HTML included. It fails if that has
// an element, or an attribute, that a summary does not have.
func shown(t *testing.T, markdown string) (p page) {
	t.Helper()
	var b bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe())).Convert([]byte(markdown), &b); err != nil {
		t.Fatal(err)
	}
	root, err := nethtml.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	elements := []string{"html", "head", "body", "h3", "p", "table", "thead", "tbody", "tr", "th", "td", "code", "pre"}
	for n := range root.Descendants() {
		switch {
		case n.Type == nethtml.ElementNode && (!slices.Contains(elements, n.Data) || len(n.Attr) > 0), n.Type == nethtml.CommentNode:
			t.Fatalf("it has %s %v in\n%s", n.Data, n.Attr, markdown)
		case n.Type != nethtml.TextNode:
		case n.Parent.Data != "code":
			p.rest += n.Data
		case n.Parent.Parent.Data == "pre":
			p.blocks = append(p.blocks, n.Data)
		default:
			p.cells = append(p.cells, n.Data)
		}
	}
	return p
}

func plain(text string) string { return term.Visible(text) }

func masked(text string) string { return strings.ReplaceAll(text, "s3cret", "***") }

// result is a finished task with that answer.
func result(t testing.TB, status narada.Status, text string) *narada.Result {
	t.Helper()
	return &narada.Result{
		RequestID: "req_1", Status: status, Response: &narada.Response{Text: text}, Usage: &narada.Usage{Actions: 2, Credits: 0.5},
		CreatedAt: time.Unix(100, 0), CompletedAt: time.Unix(145, 0),
	}
}

// hostile are texts that try to be more than text.
var hostile = []string{
	"%0A::set-output name=a::b", "```\n# heading\n```", "~~~\n<b>", "````````", "a | b \\| c |\n|---|\n", "</code></pre><details open><summary>x", "<!-- ", "]]><script>alert(1)</script>",
	"<img src=x onerror=alert(1)>", "[a](http://b.example)", "![a](http://b.example/c.png)", "www.b.example http://b.example b@c.example", "@cli/team #1 GH-1 cli/cli#2 :smile: $x$ `$`x`$`",
	"&lt;b&gt; &amp; &#124;", "- [ ] a\n1. b\n> c\n\n***\n===", "a\\", "\\`", "*a* _b_ ~~c~~", "[^1]: x", "[x]: http://b.example", "\x1b[31m\u202e\u2028\x00\r\ufeff\u200b", "\xff\xfe", "    a\n\tb", " ", "\n",
}

func TestTextOfOthersIsOnlyText(t *testing.T) {
	for _, text := range append(hostile, strings.Join(hostile, "\n"), strings.Join(hostile, "")) {
		testOnlyText(t, text)
	}
}

func FuzzTextOfOthersIsOnlyText(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { testOnlyText(t, text) })
}

func testOnlyText(t *testing.T, text string) {
	t.Helper()
	text, _ = units.Shorten(text, maxCell/4) // so that none is shortened once its characters are visible
	s := New("narada x", plain)
	r := result(t, "error", text)
	r.RequestID = text
	s.Task(r)
	s.Test(contract.Finding{Detail: text})
	s.tables = append(s.tables, table{columns: []string{"a", "b"}, rows: [][]string{{text, "b"}, {"c", text}}})
	got := shown(t, s.markdown("done", text))
	want := page{rest: got.rest}
	for _, cell := range []string{text, "error", "45s", "2", "0.5", text, text, "b", "c", text} {
		if cell = strings.Join(strings.Fields(plain(cell)), " "); cell != "" {
			want.cells = append(want.cells, cell)
		}
	}
	if text != "" {
		block := strings.TrimSuffix(plain(text), "\n") + "\n"
		want.blocks = []string{block, block}
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(page{})); diff != "" {
		t.Errorf("%q: %s", text, diff)
	}
	if cell := s.cell(text); cell != "" && !regexp.MustCompile(`^<code>([\pL\pN ]|[^\x00-\x7f]|&#\d+;)*</code>$`).MatchString(cell) {
		t.Errorf("%q: a cell has punctuation: %s", text, cell)
	}
	if ours := strings.Join(strings.Fields(got.rest), " "); ours != "narada x: done request ID status duration actions credits a b" {
		t.Errorf("%q: outside code there is %q", text, ours)
	}
}

func TestATaskHasItsAnswer(t *testing.T) {
	s := New("narada run", masked)
	s.Task(result(t, "success", "the answer is s3cret"))
	want := "\n### narada run: done\n\n" +
		"| request ID | status | duration | actions | credits |\n|---|---|---|---|---|\n" +
		"| <code>req&#95;1</code> | <code>success</code> | <code>45s</code> | <code>2</code> | <code>0&#46;5</code> |\n\n" +
		"```\nthe answer is ***\n```\n\n```\nerror, ***\n```\n\n"
	if diff := cmp.Diff(want, s.markdown("done", "error, s3cret")); diff != "" {
		t.Error(diff)
	}
	r := result(t, "success", "text")
	r.Response.StructuredOutput = []byte(`{"a":1}`)
	s = New("narada run", plain)
	s.Task(r)
	if got := shown(t, s.markdown("done", "")); !slices.Equal(got.blocks, []string{`{"a":1}` + "\n"}) {
		t.Errorf("%q", got.blocks)
	}
}

func TestATaskHasHowItDoesNotMatch(t *testing.T) {
	s := New("narada run", plain)
	s.Task(result(t, "success", ""))
	s.Mismatch("schema: /a")
	s.Mismatch("assert: .a | .b")
	got := shown(t, s.markdown("mismatch", ""))
	if want := []string{"schema: /a", "assert: .a | .b"}; !slices.Equal(got.cells[5:], want) || strings.Count(got.rest, doesNotMatch) != 1 {
		t.Errorf("got %q, %q", got.cells, got.rest)
	}
}

func TestABatchHasItsCountsAndWhatFailed(t *testing.T) {
	tally := batch.Tally{Total: 20, Ended: 14, Counts: map[narada.Status]int{"success": 2, "error": 12}, Unfinished: 1, Actions: 3, Credits: 1.5}
	for i := range 10 {
		tally.FirstFailed = append(tally.FirstFailed, batch.Outcome{Line: batch.Line{Number: i + 1, ID: "a|b"}, State: batch.State{Status: "error", Failure: "no\nmore", Phase: batch.Finished}})
	}
	s := New("narada batch run", plain)
	s.Batch("prompts", tally, 90*time.Second)
	got := shown(t, s.markdown("failed", "12 of 20"))
	if want := []string{"prompts", "20", "12 error, 2 success, 1 unfinished, 5 not sent", "1m30s", "3", "1.5", "line 1 (a|b): error: no more"}; !slices.Equal(got.cells[:len(want)], want) || len(got.cells) != 16 {
		t.Errorf("got %q, want %q", got.cells, want)
	}
	if !strings.Contains(got.rest, "and 2 more") {
		t.Errorf("%q", got.rest)
	}
}

func TestACheckHasItsTests(t *testing.T) {
	s := New("narada check", plain)
	s.Test(contract.Finding{Test: "https", Verdict: contract.Pass, Detail: "https"})
	s.Test(contract.Finding{Test: "proof", Verdict: contract.Fail, Detail: "401", Advice: "Check it."})
	if got, want := shown(t, s.markdown("failed", "")).cells, []string{"PASS", "https", "https", "FAIL", "proof", "401", "Check it."}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestASummaryOfNothingIsNotMade(t *testing.T) {
	var s *Summary
	s.Task(result(t, "success", ""))
	s.Mismatch("")
	s.Batch("", batch.Tally{}, 0)
	s.Test(contract.Finding{})
}

func TestALongTextIsShortened(t *testing.T) {
	long := strings.Repeat("a\u0301\u0302", 10_000)
	s := New("narada run", plain)
	s.Task(result(t, "success", long))
	s.tables = append(s.tables, table{columns: []string{"a"}})
	for range maxRows + 7 {
		s.tables[1].rows = append(s.tables[1].rows, []string{long})
	}
	got := s.markdown("done", long)
	if len(got) > 200<<10 || utf8.RuneCountInString(shown(t, got).cells[5]) != maxCell+1 || len(shown(t, got).cells) != 5+maxRows {
		t.Errorf("%d bytes", len(got))
	}
	for _, want := range []string{"…\n```\n\nand 26000 characters more\n", "\nand 7 more\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not have %q", want)
		}
	}
}

func TestSummariesAreAppended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "summary.md")
	for range 2 {
		if err := New("narada run", plain).Append(path, "done", "said"); err != nil {
			t.Fatal(err)
		}
	}
	one := "\n### narada run: done\n\n```\nsaid\n```\n\n"
	if got, err := os.ReadFile(path); string(got) != one+one || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestAStepNeverHasMoreThanGitHubTakes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "summary.md")
	s := New("narada run", plain)
	s.Task(result(t, "success", strings.Repeat("x", maxBlock)))
	s.Test(contract.Finding{Detail: "detail"})
	full := len(s.markdown("done", "said"))
	for size, want := range map[int]string{
		MaxSize - full:        "xxxx",
		MaxSize - full + 1:    "The rest is not shown: GitHub shows at most 1 MiB for a step.\n",
		MaxSize - maxBlock/10: "The rest is not shown",
		MaxSize:               "",
		MaxSize + 1:           "",
	} {
		if err := os.WriteFile(path, bytes.Repeat([]byte("."), size), 0o600); err != nil {
			t.Fatal(err)
		}
		err := s.Append(path, "done", "said")
		got, readErr := os.ReadFile(path)
		if readErr != nil || len(got) > max(MaxSize, size) {
			t.Errorf("%d: %d bytes, %v", size, len(got), readErr)
		}
		added := string(got[size:])
		if want == "" && (err == nil || !strings.Contains(err.Error(), "is full") || added != "") || want != "" && (err != nil || !strings.Contains(added, want) || !strings.Contains(added, "req&#95;1")) {
			t.Errorf("%d: %v, added %q", size, err, added)
		}
	}
}

func TestAFileThatCannotBeWrittenIsAnError(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "missing", "summary.md"), os.DevNull} {
		if err := New("narada run", plain).Append(path, "done", ""); err == nil {
			t.Errorf("%s: no error", path)
		}
	}
}

func TestTheEnvironmentSaysWhereItRuns(t *testing.T) {
	for value, want := range map[string]bool{"true": true, "": false, "1": false} {
		getenv := func(name string) string {
			return map[string]string{"GITHUB_ACTIONS": value, "GITHUB_STEP_SUMMARY": "/s"}[name]
		}
		if OnGitHub(getenv) != want || SummaryFile(getenv) != "/s" {
			t.Errorf("%q: got %v, %q", value, OnGitHub(getenv), SummaryFile(getenv))
		}
	}
}
