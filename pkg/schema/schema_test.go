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
		if diff := cmp.Diff([]Violation{{"/a", "must be of type integer, is string"}}, got); diff != "" {
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
	if diff := cmp.Diff([]Violation{{"", "must be more than 3, is 3"}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestCompileSaysInOneLineWhatIsWrong(t *testing.T) {
	tests := map[string]struct{ doc, want string }{
		"not JSON":           {`{`, "not valid JSON"},
		"two values":         {`{} {}`, "not valid JSON"},
		"a number":           {`3`, "not a valid JSON Schema: at the top: must be of type"},
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

func TestValidateListsTheLeavesInDocumentOrder(t *testing.T) {
	tests := map[string]struct {
		schema, value string
		want          []Violation
	}{
		"a value that fits": {`{"type":"object"}`, `{}`, nil},
		"the order of the text": {
			`{"properties":{"a":{"type":"string"},"b":{"type":"string"},"c":{"items":{"minimum":5}}}}`,
			`{"c":[5,4,3],"b":1,"a":2}`,
			[]Violation{
				{"/c/1", "must be at least 5, is 4"},
				{"/c/2", "must be at least 5, is 3"},
				{"/b", "must be of type string, is number"},
				{"/a", "must be of type string, is number"},
			},
		},
		"each missing and each extra property": {
			`{"required":["x","y"],"properties":{"x":true,"y":true},"additionalProperties":false}`, `{"a/b":1,"c~":2}`,
			[]Violation{
				{"", `missing property "x"`}, {"", `missing property "y"`},
				{"/a~1b", "this property is not allowed"}, {"/c~0", "this property is not allowed"},
			},
		},
		"through references and allOf": {
			`{"$defs":{"n":{"allOf":[{"type":"string"},{"enum":["a","b"]}]}},"items":{"$ref":"#/$defs/n"}}`, `["a","c"]`,
			[]Violation{{"/1", `must be one of "a", "b"`}},
		},
		"types of alternatives are joined": {
			`{"anyOf":[{"type":"string"},{"type":"null"}]}`, `3`,
			[]Violation{{"", "must be of type null or string, is number"}},
		},
		"the alternative of the value's type is the one that was meant": {
			`{"anyOf":[{"type":"null"},{"type":"object","properties":{"a":{"maxLength":2}}}]}`, `{"a":"abc"}`,
			[]Violation{{"/a", "must have at most 2 characters, has 3"}},
		},
		"alternatives of one type": {
			`{"oneOf":[{"const":"a"},{"const":"b"}]}`, `"c"`,
			[]Violation{{"", `fits none of the 2 alternatives: must be "a"; or must be "b"`}},
		},
		"more than one of": {
			`{"oneOf":[{"minimum":1},{"minimum":2}]}`, `3`,
			[]Violation{{"", "fits more than one of the alternatives (numbers 1 and 2)"}},
		},
		"numbers are exact": {
			`{"maximum":9007199254740992}`, `9007199254740993`,
			[]Violation{{"", "must be at most 9007199254740992, is 9007199254740993"}},
		},
		"decimals are exact":                              {`{"multipleOf":0.1}`, `0.3`, nil},
		"integers may be written with a fraction of zero": {`{"type":"integer"}`, `3.0`, nil},
		"nothing is allowed":                              {`false`, `1`, []Violation{{"", "no value is allowed here"}}},
		"property names": {
			`{"propertyNames":{"maxLength":2}}`, `{"abc":1}`,
			[]Violation{{"", `property name "abc": must have at most 2 characters, has 3`}},
		},
		"a format is a remark in 2020-12": {`{"format":"date"}`, `"soon"`, nil},
		"a format is a rule in draft 7": {
			`{"$schema":"http://json-schema.org/draft-07/schema#","format":"date"}`, `"soon"`,
			[]Violation{{"", `"soon" is not of the format date`}},
		},
		"a property that another asks for": {
			`{"dependentRequired":{"a":["b"]}}`, `{"a":1}`,
			[]Violation{{"", `missing property "b", which "a" asks for`}},
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

func TestValidateSaysWhenThereIsNoTelling(t *testing.T) {
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
