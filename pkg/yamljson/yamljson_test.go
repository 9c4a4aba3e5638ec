package yamljson

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

func TestYAMLAndJSONAreReadAsJSON(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "",
		"# nothing but a remark\n":         "",
		"b: 1.50\na: 12345678901234567890": `{"b":1.50,"a":12345678901234567890}`,
		"x: 0x10":                          `{"x":16}`,
		"x: yes\ny: true\nz: ~":            `{"x":"yes","y":true,"z":null}`,
		"x: 2026-01-02":                    `{"x":"2026-01-02"}`,
		"x: 12:30:00\ny: 0b1\nz: 1_000":    `{"x":"12:30:00","y":"0b1","z":"1_000"}`,
		"x: No\ny: on\nz: FALSE":           `{"x":"No","y":"on","z":false}`,
		"x: 0o17\ny: 0xFF\nz: 0X10":        `{"x":15,"y":255,"z":"0X10"}`,
		"x: 1.10\ny: -0.50\nz: 1e3":        `{"x":1.10,"y":-0.50,"z":1e3}`,
		"x: .5\ny: 5.\nz: -.5E-3":          `{"x":0.5,"y":5.0,"z":-0.5E-3}`,
		"x: 0\ny: -0\nz: 0.0":              `{"x":0,"y":-0,"z":0.0}`,
		"x: 0x1ffffffffffffffffffff":       `{"x":2417851639229258349412351}`,
		"x: '02134'\ny: \"+49\"":           `{"x":"02134","y":"+49"}`,
		"x: |\n  02134":                    `{"x":"02134"}`,
		"x: 2134-02\ny: 0x\nz: '~'":        `{"x":"2134-02","y":"0x","z":"~"}`,
		"x: .\ny: 1.2.3\nz: e5\nw: +":      `{"x":".","y":"1.2.3","z":"e5","w":"+"}`,
		"x: !!str 02134\ny: !!float 5":     `{"x":"02134","y":5}`,
		"x: Null\ny: nULL\nz:":             `{"x":null,"y":"nULL","z":null}`,
		"yes: 1\n0123: 2\nnull: 3":         `{"yes":1,"0123":2,"null":3}`,
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
		"a: .NaN":                 "line 1: .NaN cannot be written as JSON",
		"a: b\nzip: 02134":        `line 2: 02134 is a number with a leading zero: quote it ("02134") to send it as it is`,
		"zip: 08540":              `line 1: 08540 is a number with a leading zero: quote it ("08540")`,
		"[1, -007.50]":            `line 1: -007.50 is a number with a leading zero`,
		"a: 00":                   `line 1: 00 is a number with a leading zero`,
		"a: 01e5":                 `line 1: 01e5 is a number with a leading zero`,
		"zip: +02134":             `line 1: +02134 is a number with a leading zero`,
		"phone: +4915112345":      `line 1: +4915112345 is a number with a plus sign: quote it ("+4915112345")`,
		"a: !!int yes":            "line 1: yes is not a value of the tag !!int",
		"a: !!binary aGk=":        "line 1: the tag !!binary is not supported",
		"a: !!timestamp 2026-1-2": "line 1: the tag !!timestamp is not supported",
		"a: !env HOME":            "line 1: the tag !env is not supported",
		"!!set {a, b}":            "line 1: the tag !!set is not supported",
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
	for _, seed := range []string{"a: 1", `{"a":[1,{"b":null}]}`, "- &a 1\n- *a", "a: 1\n---\nb: 2", "x: !!binary aGk=", "? {a: b}\n: c", "\x01", "a: \"\\ud800\"", `{"a": "\ud800"}`} {
		f.Add([]byte(seed))
	}
	hasLine := regexp.MustCompile(`\bline [0-9]+`)
	f.Fuzz(func(t *testing.T, text []byte) {
		value, err := Read(text)
		if err != nil && !hasLine.MatchString(err.Error()) && utf8.Valid(text) {
			t.Errorf("Read(%q): no line in %v", text, err)
		}
		if err == nil && value != nil && !json.Valid(value) {
			t.Errorf("Read(%q) = %s, which is not JSON", text, value)
		}
	})
}

// A single unquoted value is sent as it is written: a decimal number with its digits, and what
// is no number, true, false or null as a string.
func FuzzValueIsAsWritten(f *testing.F) {
	for _, seed := range []string{"02134", "1_000", "0b1", "12:30:00", "yes", "2026-01-02", "1.10", "+49", "0x1f", "0o17", ".5", "5.", "~", "true", "1e400"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		root, err := Parse([]byte("x: " + text))
		if err != nil || root == nil || root.Kind != yaml.MappingNode || len(root.Content) != 2 || root.Content[1].Value != text {
			return // not a single unquoted value
		}
		value, err := Encode(root.Content[1])
		if err != nil {
			return
		}
		switch written := string(value); {
		case value[0] == '"':
			var back string
			if err := json.Unmarshal(value, &back); err != nil || back != text {
				t.Errorf("%q became %s", text, value)
			}
		case written == "null", written == "true", written == "false":
			if text != "" && text != "~" && strings.ToLower(text) != written {
				t.Errorf("%q became %s", text, value)
			}
		case strings.HasPrefix(text, "0x"), strings.HasPrefix(text, "0o"):
		default:
			digits := func(s string) string { return strings.Trim(strings.ReplaceAll(s, ".", ""), "0") }
			if digits(written) != digits(text) {
				t.Errorf("%q became %s", text, value)
			}
		}
	})
}
