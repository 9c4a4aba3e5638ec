package yamljson

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestYAMLAndJSONAreReadAsJSON(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "",
		"# nothing but a remark\n":         "",
		"b: 1.50\na: 12345678901234567890": `{"b":1.50,"a":12345678901234567890}`,
		"x: 0x10":                          `{"x":16}`,
		"x: yes\ny: true\nz: ~":            `{"x":"yes","y":true,"z":null}`,
		"x: 2026-01-02":                    `{"x":"2026-01-02"}`,
		"1: one":                           `{"1":"one"}`,
		"- <b>\n- {c: [d, '5']}":           `["<b>",{"c":["d","5"]}]`,
		`{"a": "\ud83d\ude00", "n": 1.0}`:  `{"a": "\ud83d\ude00", "n": 1.0}`,
		`{"a": {"b": 1}, "b": {"b": 2}}`:   `{"a": {"b": 1}, "b": {"b": 2}}`,
		"{a: b}":                           `{"a":"b"}`,
	} {
		got, err := Read([]byte(text))
		if err != nil || string(got) != want {
			t.Errorf("Read(%q) = %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestAmbiguousYAMLIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"a: &x 1\nb: *x":          "line 1: aliases and anchors",
		"a: 1\nb:\n  <<: {c: 1}":  "line 3: a name in an object must be a string",
		"a: 1\na: 2":              `line 2: duplicate name "a"`,
		"? [a]\n: b":              "line 1: a name in an object must be a string",
		"a: 1\n---\nb: 2":         "line 2: expected one document",
		"a: .inf":                 "line 1: .inf cannot be written as JSON",
		"a: [":                    "line 1: ",
		"{\"a\": 1,\n \"a\": 2}":  `line 2: duplicate name "a"`,
		`[{"a": {"b":1, "b":2}}]`: `line 1: duplicate name "b"`,
	} {
		_, err := Read([]byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Read(%q): %v, want %s", text, err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{"a: 1", `{"a":[1,{"b":null}]}`, "- &a 1\n- *a", "a: 1\n---\nb: 2", "x: !!binary aGk=", "? {a: b}\n: c"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		value, err := Read(text)
		if err == nil && value != nil && !json.Valid(value) {
			t.Errorf("Read(%q) = %s, which is not JSON", text, value)
		}
	})
}
