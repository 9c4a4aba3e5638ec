package ui

import (
	"strings"
	"testing"
)

func TestTextOfOthersIsVisible(t *testing.T) {
	for text, want := range map[string]string{
		"a\tb\nc":       "a\tb\nc",
		"\x1b[31mred":   `\u{1B}[31mred`,
		"a\u202Eb":      `a\u{202E}b`,
		"zero\u200Bw":   `zero\u{200B}w`,
		"bad\xff":       "bad\uFFFD",
		"\u2028 \u0000": `\u{2028} \u{0}`,
		"Ämter, 日本":     "Ämter, 日本",
	} {
		if got := visible(text); got != want {
			t.Errorf("%q: got %q", text, got)
		}
	}
	if got := line("  one\n two   three ", 9); got != "one two …" {
		t.Errorf("got %q", got)
	}
}

func TestADocumentBecomesATree(t *testing.T) {
	tree, err := treeOf([]byte(`{"b":1.10,"a":[true,null,"<x>"],"":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	var walk func(n node)
	walk = func(n node) {
		got = append(got, n.Kind+" "+n.Name+" "+n.Text)
		for _, child := range n.List {
			walk(child)
		}
	}
	walk(tree)
	want := "object  |number b 1.10|array a |word  true|word  null|string  <x>|object  "
	if text := strings.Join(got, "|"); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	for name, doc := range map[string]string{"no document": "{", "two": "1 2", "too deep": strings.Repeat("[", 100) + strings.Repeat("]", 100), "too large": `"` + strings.Repeat("x", maxTree) + `"`} {
		if _, err := treeOf([]byte(doc)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	wide, err := treeOf([]byte("[" + strings.Repeat("1,", 2*maxTreeNodes) + "1]"))
	if err != nil || len(wide.List)+wide.More != 2*maxTreeNodes+1 || len(wide.List) > maxTreeNodes {
		t.Errorf("%d shown, %d left out, %v", len(wide.List), wide.More, err)
	}
}

func TestALargeRawTextIsCut(t *testing.T) {
	d := newDocument([]byte(strings.Repeat("x", 30<<20)))
	if d.Tree != nil || !d.Cut || len(d.Raw) != maxRaw || d.Size != 30<<20 {
		t.Errorf("tree %v, cut %v, %d bytes of %d", d.Tree != nil, d.Cut, len(d.Raw), d.Size)
	}
}
