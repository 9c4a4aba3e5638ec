package batch

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rejected returns what is reported of an input.
func rejected(t *testing.T, name, text string) (list []string, err error) {
	t.Helper()
	w := newWorld(t)
	w.name = name
	o := w.options(text)
	if o.Format = FormatOf(name); o.Format == CSV {
		o.ByName = true
	}
	_, err = Open(t.Context(), o)
	for _, e := range w.events {
		list = append(list, e.(LinesRejected).Problem.String())
	}
	return list, err
}

func TestACauseIsReportedOnce(t *testing.T) {
	ids := func(format string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for name, test := range map[string]struct {
		file, text string
		want       []string
		err        string
	}{
		"one": {"a.csv", "prompt,x\na\nb,1\n", []string{"line 2: expected 2 fields as in the header, got 1"}, "1 of 2 lines cannot be sent; nothing was sent"},
		"two": {"a.csv", "prompt,x\na\nb,1\nc\n", []string{"2 lines: expected 2 fields as in the header, got 1: lines 2 and 4"}, "2 of 3 lines cannot be sent; nothing was sent"},
		"rows of one length": {"a.csv", "prompt,x,y,z\n" + strings.Repeat("a,b,c\n", 3000),
			[]string{"3,000 lines: expected 4 fields as in the header, got 3: lines 2, 3, 4 and 2,997 more"}, "3,000 of 3,000 lines cannot be sent; nothing was sent"},
		"rows of any length": {"a.csv", "prompt\n" + strings.Repeat("a,b\nc\na,b,c\na,b,c,d\n,,,,x\n,,,,,x\n", 10), []string{
			"10 lines: expected 1 field as in the header, got 2: lines 2, 8, 14 and 7 more",
			"10 lines: expected 1 field as in the header, got 3: lines 4, 10, 16 and 7 more",
			"10 lines: expected 1 field as in the header, got 4: lines 5, 11, 17 and 7 more",
			"20 lines: expected 1 field as in the header, got 5 (or similar): lines 6, 7, 12 and 17 more",
		}, "50 of 60 lines cannot be sent; nothing was sent"},
		"no such column":  {"a.csv", "a,b\n" + strings.Repeat("1,2\n", 5), []string{`5 lines: unknown column "prompt"; the columns are a, b: lines 2, 3, 4 and 2 more`}, "5 of 5 lines cannot be sent; nothing was sent"},
		"an empty prompt": {"a.csv", "prompt,b\n" + strings.Repeat(",2\n", 5), []string{`5 lines: the prompt is empty: lines 2, 3, 4 and 2 more`}, "5 of 5 lines cannot be sent; nothing was sent"},
		"quotes":          {"a.csv", "prompt,b\n" + strings.Repeat("say \"x\",2\n", 5), []string{`5 lines: a quotation mark in a field that is not quoted: write "say ""hello"" twice": lines 2, 3, 4 and 2 more`}, "5 of 5 lines cannot be sent; nothing was sent"},
		"duplicate ids": {"a.jsonl", ids("{\"id\": \"a%d\", \"prompt\": \"x\"}\n", 9) + ids("{\"id\": \"a%d\", \"prompt\": \"x\"}\n", 9), []string{
			`line 10: duplicate id "a0": line 1 has it too`, `line 11: duplicate id "a1": line 2 has it too`, `line 12: duplicate id "a2": line 3 has it too`,
			`6 lines: duplicate id "a3": line 4 has it too (or similar): lines 13, 14, 15 and 3 more`,
		}, "9 of 18 lines cannot be sent; nothing was sent"},
		"JSON": {"a.jsonl", strings.Repeat("{\"prompt\": 5}\n[1]\n{bad\n", 5), []string{
			"5 lines: prompt: expected string, got number: lines 1, 4, 7 and 2 more",
			"5 lines: expected a string or an object: lines 2, 5, 8 and 2 more",
			"5 lines: invalid character 'b' looking for beginning of object key string: lines 3, 6, 9 and 2 more",
		}, "15 of 15 lines cannot be sent; nothing was sent"},
		"items":  {"a.json", "[1, 2, 3, 4]", []string{"4 items: expected a string or an object: items 1, 2, 3 and 1 more"}, "4 of 4 lines cannot be sent; nothing was sent"},
		"a list": {"a.yaml", "- 5\n- a\n- 6\n", []string{"2 items: expected a string or an object: items 1 and 3"}, "2 of 3 lines cannot be sent; nothing was sent"},
	} {
		got, err := rejected(t, test.file, test.text)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if err == nil || !strings.HasSuffix(err.Error(), ": "+test.err) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// However many causes there are, they are a few lines.
func TestTheNumberOfCausesIsLimited(t *testing.T) {
	var p problems
	for i := range 100_000 {
		p.add(i+1, false, strings.Repeat("x", i%1000)+": bad")
	}
	count := 0
	for _, one := range p.list {
		count += one.Count
	}
	if len(p.list) > maxProblems+maxTexts+1 || len(p.byText) > len(p.list) || len(p.byKind) > maxProblems+1 || count != 100_000 {
		t.Errorf("%d problems of %d lines, %d texts, %d kinds", len(p.list), count, len(p.byText), len(p.byKind))
	}
	if last := p.list[len(p.list)-1]; !last.Varies || len(last.First) != maxFirst {
		t.Errorf("got %+v", last)
	}
}
