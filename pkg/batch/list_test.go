package batch

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// items describes the lines of an input: number, ID, and prompt or object.
func items(lines []Line) (list []string) {
	for _, l := range lines {
		text := l.Prompt
		if l.Object != nil {
			text = fmt.Sprintf("%s %s", l.Object["prompt"], l.Object["v"])
		}
		list = append(list, fmt.Sprintf("%d %s %s", l.Number, l.ID, text))
	}
	return list
}

func TestListsAreBatches(t *testing.T) {
	long := strings.Repeat("x", maxLine+100)
	for name, test := range map[string]struct {
		format Format
		text   string
		want   []string
		wrong  []string
	}{
		"array":             {JSON, "\ufeff[\n  \"one\",\n  {\"id\": \"b\",\n   \"prompt\": \"two\", \"v\": 1.10}\n]\n", []string{"1  one", `2 b "two" 1.10`}, nil},
		"empty array":       {JSON, " [ ]\n", nil, nil},
		"empty file":        {JSON, "", nil, nil},
		"object":            {JSON, "\n{\"prompt\": \"x\"}", nil, []string{"line 2: not a JSON array of tasks: expected a list of prompts or tasks"}},
		"wrong items":       {JSON, "[1, \"a\", null, [], \"b\"]", []string{"2  a", "5  b"}, []string{"item 1: expected a string or an object", "item 3: expected a string or an object", "item 4: expected a string or an object"}},
		"duplicate id":      {JSON, `[{"id": "a"}, {"id": "a", "v": 1}]`, []string{"1 a  "}, []string{`item 2: duplicate id "a": line 1 has it too`}},
		"duplicate name":    {JSON, `[{"prompt": "a", "prompt": "b"}]`, nil, []string{`item 1: duplicate "prompt"`}},
		"missing comma":     {JSON, "[\n\"a\",\n\"b\"\n\"c\"]", []string{"1  a", "2  b"}, []string{`line 4: not a JSON array of tasks: expected comma after array element`}},
		"cut off":           {JSON, "[\"a\",\n\"b\",\n", []string{"1  a", "2  b"}, []string{"line 3: not a JSON array of tasks: unexpected end of the array"}},
		"cut off in a text": {JSON, "[\"a\",\n\"b", []string{"1  a"}, []string{"line 2: not a JSON array of tasks: unexpected end of the array"}},
		"content after it":  {JSON, "[\"a\"]\n[\"b\"]", []string{"1  a"}, []string{"line 2: not a JSON array of tasks: expected one array"}},
		"lines":             {JSON, "\"a\"\n\"b\"", nil, []string{"line 1: not a JSON array of tasks: expected a list of prompts or tasks"}},
		"long item":         {JSON, `["a", "` + long + long + `", "c"]`, []string{"1  a"}, []string{"item 2: longer than 4 MiB; the rest was not checked"}},
		"lone surrogate":    {JSON, `["\ud800"]`, nil, []string{`item 1: \ud800 is a lone surrogate, not a character`}},
		"list":              {YAML, "# prompts\n- one\n- prompt: two\n  id: b\n  v: 1.10\n- |-\n  three\n  lines\n", []string{"1  one", `2 b "two" 1.10`, "3  three\nlines"}, nil},
		"list in JSON":      {YAML, `["one", {"prompt": "two", "v": 2}]`, []string{"1  one", `2  "two" 2`}, nil},
		"leading zero":      {YAML, "- one\n- prompt: two\n  v: 02134\n- three", []string{"1  one", "3  three"}, []string{`item 2: line 3: 02134 is a number with a leading zero: quote it ("02134") to send it as it is`}},
		"not a text":        {YAML, "- 5\n- yes\n- ~", []string{"2  yes"}, []string{"item 1: expected a string or an object", "item 3: expected a string or an object"}},
		"mapping":           {YAML, "# a task\nprompt: x", nil, []string{"line 2: expected a list of prompts or tasks"}},
		"two documents":     {YAML, "- a\n---\n- b", nil, []string{"line 2: expected one document"}},
		"no document":       {YAML, "# nothing\n", nil, nil},
		"too large":         {YAML, "- " + strings.Repeat("x", maxYAML), nil, []string{"larger than 16 MiB: use JSONL, which is read line by line"}},
	} {
		lines, wrong := read(t, Input{Format: test.format}, test.text)
		if diff := cmp.Diff(test.want, items(lines)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if diff := cmp.Diff(test.wrong, wrong); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// A file that is rewritten from JSONL as an array, or back, is the same batch.
func TestAnItemIsTheSameLineInEachFormat(t *testing.T) {
	texts := map[Format]string{
		JSONL: "\"one\"\n{\"id\":\"b\",\"prompt\":\"two\",\"v\":1.10}\n",
		JSON:  "[\"one\",\n {\"id\": \"b\", \"prompt\": \"two\", \"v\": 1.10}]",
		YAML:  "- one\n- {id: b, prompt: two, v: 1.10}\n",
	}
	want, _ := read(t, Input{Format: JSONL}, texts[JSONL])
	for format, text := range texts {
		got, wrong := read(t, Input{Format: format}, text)
		if len(wrong) > 0 || len(got) != len(want) {
			t.Fatalf("%s: %v, %v", format, got, wrong)
		}
		for i := range got {
			if got[i].Key != want[i].Key || got[i].Sum != want[i].Sum {
				t.Errorf("%s: line %d has another key", format, i+1)
			}
		}
	}
}

func TestTheErrorOfALargeArrayHasItsLine(t *testing.T) {
	text := "[\n" + strings.Repeat("\"prompt\",\n", 100_000) + "oops]"
	_, wrong := read(t, Input{Format: JSON}, text)
	want := []string{"line 100002: not a JSON array of tasks: invalid character 'o' looking for beginning of value"}
	if diff := cmp.Diff(want, wrong); diff != "" {
		t.Error(diff)
	}
}

func TestContentThatContradictsTheName(t *testing.T) {
	for text, want := range map[string]Format{
		"[\n  {\"prompt\": \"a\"},\n  {\"prompt\": \"b\"}\n]\n": JSON,
		"[\"a\", \"b\"]": JSON,
		"[":              JSON,
		"[{\"prompt\": \"" + strings.Repeat("x", sniffed): JSON,
		"{\"prompt\": \"a\"}\n{\"prompt\": \"b\"}\n":      JSONL,
		"{\n  \"prompt\": \"a\"\n}":                       OneObject,
		"\ufeff- prompt: a\n  id: 1\n":                    YAML,
		"---\n- a\n":                                      YAML,
		"id,prompt\n1,a\n":                                CSV,
		"\"Prompt\",\"City\"\n":                           CSV,
		"id\tprompt\n1\ta\n":                              TSV,
		"PK\x03\x04\x14\x00":                              Archive,
		"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00":            Archive,
		"\xff\xfei\x00d\x00\t\x00p\x00r\x00o\x00m\x00p\x00t\x00\r\x00\n\x00": TSV,
		"id\tprompt\r1\ta\r":             TSV,
		"id;prompt\n1;a\n":               CSV,
		"id|prompt\n":                    CSV,
		"sep=;\r\nCity;Name\r\n":         CSV,
		"sep=^\r\nCity^Name\r\n":         CSV,
		"":                               "",
		"count the issues\nsum them\n":   "",
		"[draft] write a summary\n":      "",
		"[1] and [2] are references\n":   "",
		"{{name}} is a placeholder\n":    "",
		"- a bullet\n- another\n":        "",
		"find the id, prompt the user\n": "",
		"Berlin, Paris\n":                "",
		"\"quoted prompt\"\n":            "",
		"/Operator id,prompt\n":          "",
	} {
		is := Format("")
		err := sniff(strings.NewReader(text), Text)
		if wrong, ok := errors.AsType[*FormatError](err); ok {
			is = wrong.Is
		}
		if is != want || (err != nil) != (want != "") {
			t.Errorf("%.40q as text: %v, want %q", text, err, want)
		}
	}
	for _, test := range []struct {
		byName Format
		text   string
		ok     bool
	}{
		{JSON, "{\"prompt\": \"a\"}\n{\"prompt\": \"b\"}\n", false}, {JSON, "[\"a\"]", true}, {JSON, "- prompt: a", false}, {JSON, "{\n\"prompt\": \"a\"\n}", false},
		{JSONL, "[\"a\",\n\"b\"]", false}, {JSONL, "{\"prompt\": \"a\"}", true}, {JSONL, "\"a\"", true},
		{YAML, "[\"a\"]", true}, {CSV, "[\"a\"]", false}, {CSV, "id\tprompt\n", true}, {TSV, "{\"prompt\": \"a\"}", false},
	} {
		if err := sniff(strings.NewReader(test.text), test.byName); (err == nil) != test.ok {
			t.Errorf("%q as %s: %v", test.text, test.byName, err)
		}
	}
}

// Whatever the input, each line has a prompt or an object, and a number above that of the last.
func FuzzLines(f *testing.F) {
	for _, text := range []string{"a\nb", "\"a\"\n{\"id\":1}", "[\"a\",{\"id\":\"b\"}]", "- a\n- {prompt: b}", "prompt,id\na,1\n\"b\nc\",2", "prompt\tid\na\t1", "[\"a\"", "\ufeff[]",
		"a\r\n\r\nb", "id,prompt\n\"a", "\"\\ud800\"", "[\"a\", \"a\"]", "- &x a\n- *x", "{\"id\":1,\"prompt\":\"a\"}\n{\"id\":1,\"prompt\":\"b\"}",
		"sep=;\nid;prompt;\n;;\n1;a;", "a, b;prompt\r1,5;x\r\r\n", "\xff\xfep\x00r\x00o\x00m\x00p\x00t\x00\n\x00a\x00", "prompt,id\n\xfc", "prompt\na\x1a", "a|prompt\n1|\x00"} {
		for i := range Formats {
			f.Add(i, []byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, format int, text []byte) {
		if format < 0 || format >= len(Formats) {
			return
		}
		number, keys := 0, map[Key]bool{}
		for l, err := range (Input{Format: Formats[format]}).Lines(strings.NewReader(string(text))) {
			if err != nil {
				continue
			}
			if l.Number <= number || keys[l.Key] || l.Prompt != "" && l.Object != nil {
				t.Errorf("%s: %+v after line %d", Formats[format], l, number)
			}
			number, keys[l.Key] = l.Number, true
		}
	})
}
