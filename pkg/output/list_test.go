package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
)

func TestADocumentOrItsTextIsPrinted(t *testing.T) {
	for want, document := range map[string]any{"{\"n\":1e400}\n": json.RawMessage(`{"n": 1e400}`), "{\"n\":\"<b>\"}\n": map[string]string{"n": "<b>"}} {
		var b bytes.Buffer
		p := NewPrinter(&b, false, nil)
		if err := p.Print(document, "text"); err != nil || b.String() != "text\n" {
			t.Errorf("%q, %v", b.String(), err)
		}
		b.Reset()
		p.AsJSON = true
		if err := p.Print(document, "text"); err != nil || b.String() != want {
			t.Errorf("%q, %v", b.String(), err)
		}
	}
}

func TestAListIsATableOnATerminalOnly(t *testing.T) {
	type entry struct{ Name string }
	for name, test := range map[string]struct {
		terminal, asJSON bool
		want             string
	}{
		"on a terminal":  {true, false, "NAME    PROMPT\na       count the\nlonger  count the words of a ve…\n"},
		"off a terminal": {false, false, "a\tcount the\nlonger\tcount the words of a very long text\n"},
		"as JSON":        {false, true, "{\"Name\":\"a\"}\n{\"Name\":\"longer\"}\n"},
		"as JSON on one": {true, true, "{\n  \"Name\": \"a\"\n}\n{\n  \"Name\": \"longer\"\n}\n"},
	} {
		var b bytes.Buffer
		p := NewPrinter(&b, test.terminal, nil)
		p.AsJSON = test.asJSON
		l := NewList(p, func() int { return 32 }, "NAME", "PROMPT")
		err := errors.Join(l.Add(entry{"a"}, "a", "count the"), l.Add(entry{"longer"}, "longer", "count the words of a very long text"), l.Finish(nil))
		if err != nil || b.String() != test.want || l.Count != 2 {
			t.Errorf("%s: %d entries, %v\n%s", name, l.Count, err, &b)
		}
	}
}

func TestAListThatFailsHasNoTable(t *testing.T) {
	var b bytes.Buffer
	l := NewList(NewPrinter(&b, true, nil), func() int { return 80 }, "NAME")
	failure := errors.New("cannot be read")
	if err := errors.Join(l.Add(nil, "a"), l.Finish(failure)); !errors.Is(err, failure) || b.Len() > 0 {
		t.Errorf("%v, %q", err, b.String())
	}
	if err := NewList(NewPrinter(&b, true, nil), nil, "NAME").Finish(nil); err != nil || b.Len() > 0 {
		t.Errorf("an empty list: %v, %q", err, b.String())
	}
}

func TestAVaryingColumnIsOnlyInTheTableAndOnlyIfItVaries(t *testing.T) {
	for machines, want := range map[[3]string]string{
		{"a", "b", "-"}: "NAME  MACHINE  PROMPT\n1     a        p\n2     b        p\n3     -        p\n",
		{"a", "a", "-"}: "NAME  PROMPT\n1     p\n2     p\n3     p\n",
	} {
		for terminal, want := range map[bool]string{true: want, false: "1\tp\n2\tp\n3\tp\n"} {
			var b strings.Builder
			l := NewList(NewPrinter(&b, terminal, nil), func() int { return 80 }, "NAME", "MACHINE", "PROMPT")
			l.Varying = 1
			for i, machine := range machines {
				if err := l.Add(nil, strconv.Itoa(i+1), machine, "p"); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.Finish(nil); err != nil || b.String() != want {
				t.Errorf("%q, terminal %t: got %q, %v", machines, terminal, b.String(), err)
			}
		}
	}
}
