package batch

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// read returns the lines of a text in a short form, and its errors.
func read(t *testing.T, in Input, text string) (lines []Line, wrong []string) {
	t.Helper()
	for l, err := range in.Lines(strings.NewReader(text)) {
		if err != nil {
			wrong = append(wrong, err.Error())
			continue
		}
		lines = append(lines, l)
	}
	return lines, wrong
}

func TestInputsAreParsedByTheirFormat(t *testing.T) {
	prompt, err := ParsePrompt(`{{.company}} in {{index . "the city"}}`)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", maxLine+1)
	for name, test := range map[string]struct {
		in    Input
		text  string
		want  []string // number, id, prompt or number of fields
		wrong []string
	}{
		"text":              {Input{Format: Text}, "\ufeffone\r\n\n  \ntwo", []string{"1  one", "4  two"}, nil},
		"nothing":           {Input{Format: Text}, "", nil, nil},
		"a long line":       {Input{Format: Text}, "one\n" + long + "\nthree\n", []string{"1  one", "3  three"}, []string{"line 2: longer than 4 MiB"}},
		"a long last line":  {Input{Format: Text}, "one\n" + long, []string{"1  one"}, []string{"line 2: longer than 4 MiB"}},
		"jsonl":             {Input{Format: JSONL}, "\"one\"\n {\"id\": 7, \"prompt\": \"two\"}\n", []string{"1  one", "2 7 1 fields"}, nil},
		"wrong ids":         {Input{Format: JSONL}, `{"id": true}` + "\n" + `{"id": ""}`, nil, []string{"line 1: id: expected a string or a number", "line 2: an id must have 1 to 200 bytes, got 0"}},
		"an id twice":       {Input{Format: JSONL}, `{"id": "a"}` + "\n" + `{"id": "a", "x": 1}` + "\n" + `{"id": "b"}`, []string{"1 a 0 fields", "3 b 0 fields"}, []string{`line 2: duplicate id "a": line 1 has it too`}},
		"csv":               {Input{Format: CSV, Prompt: prompt}, "company,id,the city\n\"A, B\",1,Berlin\n\"C\nD\",,Paris\nE,2,Rome\n", []string{"2 1 A, B in Berlin", "3  C\nD in Paris", "5 2 E in Rome"}, nil},
		"tsv":               {Input{Format: TSV}, "prompt\tx\none\t1\n", []string{"2  one"}, nil},
		"too few fields":    {Input{Format: CSV}, "prompt,x\none\ntwo,2\n", []string{"3  two"}, []string{"line 2: expected 2 fields as in the header, got 1"}},
		"a missing column":  {Input{Format: CSV, Prompt: prompt}, "compny,the city\nA,B\n", nil, []string{`line 2: unknown column "company"; did you mean "compny"?`}},
		"a column twice":    {Input{Format: CSV}, "a,a\n1,2\n", nil, []string{`line 1: duplicate column "a"`}},
		"not text":          {Input{Format: CSV}, "prompt,id\none,a\xff\ntwo,a\xfe\nthree,a\x00\nfour,a\n", nil, []string{"line 2, column 6: not UTF-8 text; it may be Windows-1252 or a similar encoding"}},
		"no text as header": {Input{Format: CSV}, "prompt,\xff\none,a\n", nil, []string{"line 1, column 8: not UTF-8 text; it may be Windows-1252 or a similar encoding"}},
		"an open quotation": {Input{Format: CSV}, "prompt\n\"" + long + long + "\n", nil, []string{"line 2: a record is longer than 4 MiB: is a quotation mark missing? The rest was not checked"}},
		"a later one":       {Input{Format: CSV}, "prompt\none\n\"two\nlines\"\n\"" + long + long + "\n", []string{"2  one", "3  two\nlines"}, []string{"line 5: a record is longer than 4 MiB: is a quotation mark missing? The rest was not checked"}},
		"no end of blanks":  {Input{Format: CSV}, "prompt\none\n" + strings.Repeat("\n", 2*maxLine) + "two\n", []string{"2  one"}, []string{"line 1: a record is longer than 4 MiB: is a quotation mark missing? The rest was not checked"}},
		"a long header":     {Input{Format: CSV}, "\"prompt\n" + long + long + "\n", nil, []string{"line 1: a record is longer than 4 MiB: is a quotation mark missing? The rest was not checked"}},
		"a long field":      {Input{Format: CSV}, "prompt\n" + long + long + "\n", nil, []string{"line 2: a record is longer than 4 MiB: is a quotation mark missing? The rest was not checked"}},
		"text that changes": {Input{Format: JSONL}, "\n\"\\ud800\"\n\"\\ud83d\\ude00 \\\\ud800\"\n\"\\udc00\\ud800\"\n", []string{"3  😀 \\ud800"}, []string{"line 2: \\ud800 is a lone surrogate, not a character", "line 4: \\udc00 is a lone surrogate, not a character"}},
		"no text":           {Input{Format: JSONL}, "\"a\"\n{\"b\": \"\xff\"}\n{}", nil, []string{"line 2, column 8: not UTF-8 text; it may be Windows-1252 or a similar encoding"}},
		"no text in a row":  {Input{Format: CSV}, "prompt,x\none\n\"two\n\xff\"\n", nil, []string{"line 4, column 1: not UTF-8 text; it may be Windows-1252 or a similar encoding"}},
		"a name twice":      {Input{Format: JSONL}, `{"prompt": "a", "x": {"y": 1, "y": 2}}` + "\n" + `{"prompt": "a", "prompt": "b"}`, nil, []string{`line 1: duplicate "y"`, `line 2: duplicate "prompt"`}},
		"only a header":     {Input{Format: CSV}, "prompt\n", nil, nil},
	} {
		lines, wrong := read(t, test.in, test.text)
		var got []string
		for i, l := range lines {
			if l.Index != i {
				t.Errorf("%s: line %d has the index %d", name, l.Number, l.Index)
			}
			text := l.Prompt
			if l.Object != nil {
				text = fmt.Sprintf("%d fields", len(l.Object))
			}
			got = append(got, fmt.Sprintf("%d %s %s", l.Number, l.ID, text))
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if diff := cmp.Diff(test.wrong, wrong); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// Other lines may be added, removed or moved.
func TestALineKeepsItsKeyWhereverItIs(t *testing.T) {
	keys := func(in Input, text string) map[Key]string {
		lines, wrong := read(t, in, text)
		if wrong != nil {
			t.Fatal(wrong)
		}
		m := map[Key]string{}
		for _, l := range lines {
			m[l.Key] = l.Prompt + l.ID
		}
		if len(m) != len(lines) {
			t.Errorf("%d lines have %d keys", len(lines), len(m))
		}
		return m
	}
	first := keys(Input{Format: Text}, "a\nb\na\n")
	second := keys(Input{Format: Text}, "new\n\na\na\nb\n")
	for key, prompt := range first {
		if second[key] != prompt {
			t.Errorf("%q has another key", prompt)
		}
	}
	ids := keys(Input{Format: JSONL}, `{"id": "a", "prompt": "x"}`)
	changed := keys(Input{Format: JSONL}, `"a"`+"\n"+`{"id": "a", "prompt": "y"}`)
	for key := range ids {
		if _, ok := changed[key]; !ok {
			t.Error("an id has another key with another prompt")
		}
	}
}

// Another assertion about the answer changes nothing that is sent.
func TestALineKeepsItsKeyAndContentWithAnotherAssertion(t *testing.T) {
	for _, id := range []string{"", `"id": 7, `} {
		want, _ := read(t, Input{Format: JSONL}, "{"+id+`"prompt": "x", "attach": "a"}`)
		for _, text := range []string{
			"{" + id + `"prompt": "x", "attach": "a", "assert": ".a"}`, "{" + id + `"prompt":"x","assert":[".a",".b"],"attach":"a"}`,
			`{"assert": {"any": 1}, ` + id + `"prompt": "x", "attach": "a"}`, "{" + id + `"prompt": "x", "assert": null, "attach": "a"}`,
		} {
			got, wrong := read(t, Input{Format: JSONL}, text)
			if wrong != nil || got[0].Key != want[0].Key || got[0].Sum != want[0].Sum || got[0].Object["assert"] == nil {
				t.Errorf("%s is another line, %q", text, wrong)
			}
			list, wrong := read(t, Input{Format: YAML}, "- "+text)
			if wrong != nil || list[0].Key != want[0].Key {
				t.Errorf("%s is another item, %q", text, wrong)
			}
		}
		if other, _ := read(t, Input{Format: JSONL}, "{"+id+`"prompt": "y", "assert": ".a"}`); other[0].Key == want[0].Key && other[0].Sum == want[0].Sum {
			t.Error("another prompt does not make another line")
		}
	}
}

func TestTheIterationOverLinesCanBeStopped(t *testing.T) {
	for range (Input{Format: Text}).Lines(strings.NewReader("a\nb\n")) {
		break
	}
	wrong := errors.New("wrong")
	var got error
	for _, err := range (Input{Format: Text}).Lines(&failing{wrong}) {
		got = err
	}
	if got != wrong {
		t.Errorf("got %v", got)
	}
}

// failing is a reader that cannot read.
type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func TestBatchNamesAreCheckedAndDerivedFromFiles(t *testing.T) {
	for path, want := range map[string]string{
		"a/b.txt": "b", "-": "stdin", ".hidden": "hidden", "x y ü.csv": "x-y-", "...": "batch", "a.tar.gz": "a.tar", "/dev/stdin": "stdin", "/dev/fd/63": "stdin",
	} {
		if got := NameOf(path); got != want || CheckName(got) != nil {
			t.Errorf("%s: %q, %v", path, got, CheckName(got))
		}
	}
	for _, name := range []string{"", "-a", ".a", "a/b", "a b", strings.Repeat("a", maxName+1)} {
		if CheckName(name) == nil {
			t.Errorf("%q is taken for a name", name)
		}
	}
}

func TestOnlyOneHolderHasTheLock(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lock(dir, "a")
	if err != nil {
		t.Fatal(err)
	}
	_, err = lock(dir, "a")
	if taken, ok := errors.AsType[*TakenError](err); !ok || taken.Name != "a" {
		t.Errorf("got %v", err)
	}
	unlock()
	if unlock, err = lock(dir, "a"); err != nil {
		t.Fatal(err)
	}
	unlock()
}
