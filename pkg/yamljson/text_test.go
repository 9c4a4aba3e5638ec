package yamljson

import "testing"

func TestJSONThatWouldLoseAPartIsRefused(t *testing.T) {
	for doc, want := range map[string]string{
		`{"a": 1.10, "b": [12345678901234567890, 1e400, -0]}`: "",
		`"\ud83d\ude00 \\ud800 \u00e9"`:                       "",
		`{"a": {"b": 1}, "c": {"b": 2}}`:                      "",
		"{\"a\": 1,\n\"a\": 2}":                               `line 2: duplicate name "a"`,
		"[{\"x\": {\"a\": 1,\n \"\\u0061\": 2}}]":             `line 2: duplicate name "a"`,
		"[\"\",\n\"\\ud800\"]":                                `line 2: \ud800 is a lone surrogate, not a character`,
		`{"\uDC00\ud800": 1}`:                                 `line 1: \uDC00 is a lone surrogate, not a character`,
		"\"caf\xe9\"":                                         "not UTF-8 text",
		"{\n  \"a\": tru\n}":                                  "not valid JSON: invalid character '\\n' in literal true (expecting 'e') (line 2, column 11)",
		`1 2`:                                                 "not valid JSON: invalid character '2' after top-level value (line 1, column 3)",
		``:                                                    "not valid JSON: unexpected end of JSON input (line 1, column 1)",
	} {
		got := ""
		if err := CheckJSON([]byte(doc)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", doc, got, want)
		}
	}
}

func TestYAMLIsReadWithTheCharactersOfJSON(t *testing.T) {
	for text, want := range map[string]string{
		`{"a": "\ud83d\ude00", "b": "\\ud83d\ude00", "c": "\u00e4\n"}`: "{\"a\": \"\U0001f600\", \"b\": \"\\\\ud83d\\ude00\", \"c\": \"\\u00e4\\n\"}",
		`a: '\ud83d\ude00'`: `a: '\ud83d\ude00'`, // no JSON
	} {
		if got := string(JoinSurrogates([]byte(text))); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
