package schema

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func mustCompile(t testing.TB, doc string) *Schema {
	t.Helper()
	s, err := Compile([]byte(doc))
	if err != nil {
		t.Fatalf("Compile(%s): %v", doc, err)
	}
	return s
}

func TestCompileReadsEveryDraft(t *testing.T) {
	for _, draft := range []string{
		"http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-06/schema#", "http://json-schema.org/draft-07/schema#",
		"https://json-schema.org/draft/2019-09/schema", "https://json-schema.org/draft/2020-12/schema",
	} {
		s := mustCompile(t, `{"$schema":"`+draft+`","definitions":{"n":{"type":"integer"}},"properties":{"a":{"$ref":"#/definitions/n"}}}`)
		got, err := s.Validate([]byte(`{"a":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]Violation{{"/a", "got string, want integer"}}, got); diff != "" {
			t.Errorf("%s: %s", draft, diff)
		}
	}
}

func TestDraft4ReadsExclusiveMinimumAsABoolean(t *testing.T) {
	s := mustCompile(t, `{"$schema":"http://json-schema.org/draft-04/schema#","minimum":3,"exclusiveMinimum":true}`)
	got, err := s.Validate([]byte(`3`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Violation{{"", "exclusiveMinimum: got 3, want 3"}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestCompileErrorsHaveOneLine(t *testing.T) {
	tests := map[string]struct{ doc, want string }{
		"not JSON":           {`{`, "not valid JSON"},
		"two values":         {`{} {}`, "not valid JSON"},
		"a number":           {`3`, "not a valid JSON Schema: at the root: got number, want boolean or object"},
		"an unknown type":    {`{"properties":{"a":{"type":"text"}}}`, "at /properties/a/type"},
		"a broken pattern":   {`{"pattern":"("}`, `/pattern`},
		"look-behind":        {`{"pattern":"(?<=a"}`, `pattern`},
		"a file":             {`{"$ref":"other.json"}`, `refers to "other.json", which is outside`},
		"a URL":              {`{"$ref":"https://example.com/s.json#/a"}`, `refers to "https://example.com/s.json", which is outside`},
		"a file URL":         {`{"$ref":"file:///etc/passwd"}`, `refers to "file:///etc/passwd", which is outside`},
		"another language":   {`{"$schema":"https://example.com/meta"}`, `refers to "https://example.com/meta"`},
		"a ref to nowhere":   {`{"$ref":"#/$defs/a"}`, "#/$defs/a"},
		"a line break":       {`{"properties":{"a\nb":{"type":"text"}}}`, "at /properties/a b/type"},
		"a broken name":      {`{"$schema":"http://json-schema.org/draft-04/schema#","patternProperties":{"(\n":{}}}`, "invalid regex \"(\\n\" at \"#/patternProperties\""},
		"an id twice":        {`{"$defs":{"a":{"$id":"x"},"b":{"$id":"x"}}}`, `duplicate id "x"`},
		"an anchor twice":    {`{"$defs":{"a":{"$anchor":"x"},"b":{"$anchor":"x"}}}`, `duplicate anchor "x"`},
		"a giant number":     {`{"minimum":1e999999999}`, "out of range"},
		"a schema too large": {`{"title":"` + strings.Repeat("x", MaxSize) + `"}`, "larger than 1 MiB"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Compile([]byte(test.doc))
			if err == nil {
				t.Fatal("no error")
			}
			if text := err.Error(); !strings.Contains(text, test.want) || strings.Contains(text, "\n") || strings.Contains(text, location) {
				t.Errorf("got %q, want it to have %q in one line", text, test.want)
			}
		})
	}
}

func TestValidateListsViolationsByPointer(t *testing.T) {
	tests := map[string]struct {
		schema, value string
		want          []Violation
	}{
		"a value that matches": {`{"type":"object"}`, `{}`, nil},
		"the order of pointers": {
			`{"properties":{"a":{"type":"string"},"b":{"type":"string"},"c":{"items":{"minimum":5}}}}`,
			`{"c":[5,5,4,5,5,5,5,5,5,5,3],"b":1,"a":2}`,
			[]Violation{
				{"/a", "got number, want string"},
				{"/b", "got number, want string"},
				{"/c/2", "minimum: got 4, want 5"},
				{"/c/10", "minimum: got 3, want 5"},
			},
		},
		"missing and extra properties": {
			`{"required":["x","y"],"properties":{"x":true,"y":true},"additionalProperties":false}`, `{"a/b":1}`,
			[]Violation{
				{"", "additional properties 'a/b' not allowed"}, {"", "missing properties 'x', 'y'"},
			},
		},
		"pointers are escaped": {
			`{"additionalProperties":{"type":"null"}}`, `{"a/b":1,"c~":2}`,
			[]Violation{{"/a~1b", "got number, want null"}, {"/c~0", "got number, want null"}},
		},
		"through references and allOf": {
			`{"$defs":{"n":{"allOf":[{"type":"string"},{"enum":["a","b"]}]}},"items":{"$ref":"#/$defs/n"}}`, `["a","c"]`,
			[]Violation{{"/1", "value must be one of 'a', 'b'"}},
		},
		"no alternative of the value's type": {
			`{"anyOf":[{"type":"string"},{"type":"null"}]}`, `3`,
			[]Violation{{"", "matches none of 2 alternatives: got number, want string; got number, want null"}},
		},
		"the alternative of the value's type is checked": {
			`{"anyOf":[{"type":"null"},{"type":"object","properties":{"a":{"maxLength":2}}}]}`, `{"a":"abc"}`,
			[]Violation{{"/a", "maxLength: got 3, want 2"}},
		},
		"alternatives of one type": {
			`{"oneOf":[{"const":"a"},{"const":"b"}]}`, `"c"`,
			[]Violation{{"", "matches none of 2 alternatives: value must be 'a'; value must be 'b'"}},
		},
		"more than one of": {
			`{"oneOf":[{"minimum":1},{"minimum":2}]}`, `3`,
			[]Violation{{"", "'oneOf' failed, subschemas 0, 1 matched"}},
		},
		"numbers are exact": {
			`{"maximum":9007199254740992}`, `9007199254740993`,
			[]Violation{{"", "maximum: got 9007199254740993, want 9007199254740992"}},
		},
		"decimals are exact":                              {`{"multipleOf":0.1}`, `0.3`, nil},
		"integers may be written with a fraction of zero": {`{"type":"integer"}`, `3.0`, nil},
		"nothing is allowed":                              {`false`, `1`, []Violation{{"", "no value is allowed here"}}},
		"property names": {
			`{"propertyNames":{"maxLength":2}}`, `{"abc":1}`,
			[]Violation{{"", `property name "abc": maxLength: got 3, want 2`}},
		},
		"a format is an annotation in 2020-12": {`{"format":"date"}`, `"soon"`, nil},
		"a format is an assertion in draft 7": {
			`{"$schema":"http://json-schema.org/draft-07/schema#","format":"date"}`, `"soon"`,
			[]Violation{{"", `"soon" is not a valid date`}},
		},
		"a property that another requires": {
			`{"dependentRequired":{"a":["b"]}}`, `{"a":1}`,
			[]Violation{{"", "properties 'b' required, if 'a' exists"}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := mustCompile(t, test.schema).Validate([]byte(test.value))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestValidateErrors(t *testing.T) {
	for name, test := range map[string]struct{ schema, value string }{
		"not JSON":       {`{}`, `{"a":`},
		"no value":       {`{}`, ``},
		"two values":     {`{}`, `1 2`},
		"a giant number": {`{"type":"integer"}`, `{"a":[1E+999999999]}`},
		"endless schema": {`{"$ref":"#"}`, `1`},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := mustCompile(t, test.schema).Validate([]byte(test.value)); err == nil {
				t.Errorf("no error, but %v", got)
			}
		})
	}
}
