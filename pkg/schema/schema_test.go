package schema

import (
	"encoding/json"
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
		"a number":           {`3`, "not a JSON Schema: at the top: must be of type"},
		"an unknown type":    {`{"properties":{"a":{"type":"text"}}}`, "at /properties/a/type"},
		"a broken pattern":   {`{"pattern":"("}`, `/pattern`},
		"look-ahead":         {`{"pattern":"^(?!a)"}`, `pattern`},
		"a file":             {`{"$ref":"other.json"}`, `refers to "other.json", which is outside`},
		"a URL":              {`{"$ref":"https://example.com/s.json#/a"}`, `refers to "https://example.com/s.json", which is outside`},
		"a file URL":         {`{"$ref":"file:///etc/passwd"}`, `refers to "file:///etc/passwd", which is outside`},
		"another language":   {`{"$schema":"https://example.com/meta"}`, `refers to "https://example.com/meta"`},
		"a ref to nowhere":   {`{"$ref":"#/$defs/a"}`, "#/$defs/a"},
		"a line break":       {`{"properties":{"a\nb":{"type":"text"}}}`, "at /properties/a b/type"},
		"a broken name":      {`{"$schema":"http://json-schema.org/draft-04/schema#","patternProperties":{"(\n":{}}}`, "at /patternProperties: error parsing"},
		"an id twice":        {`{"$defs":{"a":{"$id":"x"},"b":{"$id":"x"}}}`, `the id "x" is there twice, at /$defs/a and at /$defs/b`},
		"an anchor twice":    {`{"$defs":{"a":{"$anchor":"x"},"b":{"$anchor":"x"}}}`, `the anchor "x" is there twice, at /$defs/a and at /$defs/b`},
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
			[]Violation{{"", "must be of type string or null, is number"}},
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

func TestSample(t *testing.T) {
	tests := map[string]struct{ schema, want string }{
		"true":              {`true`, `"sample value"`},
		"string":            {`{"type":"string"}`, `"sample value"`},
		"integer":           {`{"type":"integer"}`, `1`},
		"number":            {`{"type":"number"}`, `1.5`},
		"boolean":           {`{"type":"boolean"}`, `true`},
		"null":              {`{"type":"null"}`, `null`},
		"type list":         {`{"type":["null","integer"]}`, `1`},
		"const":             {`{"const":{"a":[1,2.50]}}`, `{"a":[1,2.50]}`},
		"enum":              {`{"enum":[null,"b","a"]}`, `"b"`},
		"default":           {`{"type":"integer","default":8080}`, `8080`},
		"default that lies": {`{"type":"integer","default":"x"}`, `1`},
		"null default":      {`{"anyOf":[{"type":"string"},{"type":"null"}],"default":null}`, `"sample value"`},
		"examples":          {`{"type":"string","examples":[1,"Berlin"]}`, `"Berlin"`},
		"optional properties, in the schema's order": {
			`{"type":"object","properties":{"title":{"type":"string"},"ok":{"type":"boolean"},"count":{"type":"integer"}},"required":["ok"]}`,
			`{"title":"sample title","ok":true,"count":1}`,
		},
		"required without a schema": {`{"type":"object","required":["a"]}`, `{"a":"sample a"}`},
		"list of references": {
			`{"$defs":{"Item":{"properties":{"name":{"type":"string"},"qty":{"type":"integer"}},"required":["name","qty"],"type":"object"}},"properties":{"items":{"items":{"$ref":"#/$defs/Item"},"type":"array"}},"type":"object"}`,
			`{"items":[{"name":"sample name","qty":1}]}`,
		},
		"date":                         {`{"type":"string","format":"date"}`, `"2025-01-01"`},
		"date-time":                    {`{"type":"string","format":"date-time"}`, `"2025-01-01T09:00:00Z"`},
		"email":                        {`{"type":"string","format":"email"}`, `"person@example.com"`},
		"uri":                          {`{"type":"string","format":"uri"}`, `"https://example.com/sample"`},
		"uuid":                         {`{"type":"string","format":"uuid"}`, `"00000000-0000-4000-8000-000000000001"`},
		"unknown format":               {`{"type":"string","format":"colour"}`, `"sample value"`},
		"minimum":                      {`{"type":"integer","minimum":10}`, `10`},
		"exclusiveMinimum":             {`{"type":"integer","exclusiveMinimum":10}`, `11`},
		"maximum":                      {`{"type":"integer","maximum":-5}`, `-5`},
		"exclusiveMaximum":             {`{"type":"integer","exclusiveMaximum":1}`, `0`},
		"between":                      {`{"type":"number","minimum":0,"maximum":1}`, `0.5`},
		"between open ends":            {`{"type":"number","exclusiveMinimum":0.1,"exclusiveMaximum":0.2}`, `0.15`},
		"multipleOf":                   {`{"type":"number","multipleOf":0.25,"minimum":3.1}`, `3.25`},
		"integer and a multiple":       {`{"type":"integer","allOf":[{"multipleOf":1.5},{"multipleOf":2}],"minimum":1}`, `6`},
		"a big minimum":                {`{"type":"integer","minimum":12345678901234567890123}`, `12345678901234567890123`},
		"maxLength":                    {`{"type":"string","maxLength":3}`, `"sam"`},
		"minLength":                    {`{"type":"string","minLength":15}`, `"sample value..."`},
		"pattern":                      {`{"type":"string","pattern":"^[A-Z]{2}-\\d+$"}`, `"AB-456"`},
		"pattern and length":           {`{"type":"string","pattern":"^a*$","minLength":7,"maxLength":9}`, `"aaaaaaaa"`},
		"pattern that may stand apart": {`{"type":"string","pattern":"@","minLength":3}`, `"@xx"`},
		"minItems":                     {`{"type":"array","items":{"type":"string"},"minItems":2}`, `["sample value","sample value 2"]`},
		"uniqueItems of an enum":       {`{"type":"array","items":{"enum":["a","b","c"]},"minItems":3,"uniqueItems":true}`, `["a","b","c"]`},
		"uniqueItems of booleans":      {`{"type":"array","items":{"type":"boolean"},"minItems":2,"uniqueItems":true}`, `[true,false]`},
		"prefixItems":                  {`{"type":"array","prefixItems":[{"type":"string"},{"type":"integer"}],"items":false}`, `["sample value",2]`},
		"items of draft 7":             {`{"$schema":"http://json-schema.org/draft-07/schema#","type":"array","items":[{"type":"boolean"}],"additionalItems":false}`, `[true]`},
		"contains":                     {`{"type":"array","contains":{"const":7}}`, `[7]`},
		"maxItems of 0":                {`{"type":"array","maxItems":0}`, `[]`},
		"anyOf":                        {`{"anyOf":[{"type":"null"},{"type":"integer"}]}`, `1`},
		"oneOf that excludes":          {`{"oneOf":[{"type":"integer"},{"type":"number","minimum":0}]}`, `-1`},
		"allOf":                        {`{"allOf":[{"properties":{"a":{"type":"integer"}}},{"properties":{"b":{"type":"string"}},"required":["b"]}],"type":"object"}`, `{"a":1,"b":"sample b"}`},
		"if":                           {`{"type":"object","properties":{"kind":{"enum":["a","b"]}},"required":["kind"],"if":{"properties":{"kind":{"const":"a"}}},"then":{"required":["x"]}}`, `{"kind":"a","x":"sample x"}`},
		"not":                          {`{"not":{"type":"string"}}`, `{}`},
		"recursion by an optional property": {
			`{"type":"object","properties":{"name":{"type":"string"},"child":{"$ref":"#"}}}`, `{"name":"sample name"}`,
		},
		"recursion by a required one that may be null": {
			`{"type":"object","properties":{"next":{"anyOf":[{"$ref":"#"},{"type":"null"}]}},"required":["next"]}`, `{"next":null}`,
		},
		"recursion by a list": {
			`{"$defs":{"Node":{"type":"object","properties":{"kids":{"type":"array","items":{"$ref":"#/$defs/Node"}}},"required":["kids"]}},"$ref":"#/$defs/Node"}`, `{"kids":[]}`,
		},
		"a dictionary":                 {`{"type":"object","additionalProperties":{"type":"integer"}}`, `{"key1":1}`},
		"a dictionary by pattern":      {`{"type":"object","patternProperties":{"^x-[a-z]+$":{"type":"boolean"}},"additionalProperties":false}`, `{"x-cde":true}`},
		"minProperties":                {`{"type":"object","minProperties":2}`, `{"key1":"sample key1","key2":"sample key2 2"}`},
		"maxProperties":                {`{"type":"object","properties":{"a":{"const":1},"b":{"const":2}},"maxProperties":1}`, `{"a":1}`},
		"closed over allOf":            {`{"allOf":[{"properties":{"a":{"const":1}}}],"unevaluatedProperties":false}`, `{"a":1}`},
		"dependentRequired":            {`{"type":"object","properties":{"a":{"const":1},"b":{"const":2}},"dependentRequired":{"a":["b"]}}`, `{"a":1,"b":2}`},
		"optional that cannot be":      {`{"type":"object","properties":{"a":false,"b":{"const":1}}}`, `{"b":1}`},
		"text is not escaped for HTML": {`{"const":"<b>"}`, `"<b>"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := mustCompile(t, test.schema)
			for range 3 { // maps must not make a difference
				got, err := s.Sample()
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.want, string(got)); diff != "" {
					t.Fatal(diff)
				}
			}
		})
	}
}

func TestSampleOfWhatNothingFitsIsAnError(t *testing.T) {
	for name, doc := range map[string]string{
		"false":              `false`,
		"a contradiction":    `{"type":"integer","minimum":3,"maximum":2}`,
		"endless":            `{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]}`,
		"itself":             `{"$ref":"#"}`,
		"a billion items":    `{"type":"array","minItems":1000000000}`,
		"a billion letters":  `{"type":"string","minLength":1000000000}`,
		"many large things":  `{"type":"array","minItems":900,"items":{"type":"array","minItems":900,"items":{"type":"string","minLength":900}}}`,
		"many alternatives":  `{"allOf":[` + strings.Repeat(`{"anyOf":[{"minimum":1},{"minimum":2},{"minimum":3}]},`, 30) + `{"type":"integer","maximum":0}]}`,
		"a required nothing": `{"type":"object","properties":{"a":false},"required":["a"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := mustCompile(t, doc).Sample(); err == nil {
				t.Errorf("no error, but %.100s", got)
			}
		})
	}
}

func FuzzSample(f *testing.F) {
	for _, doc := range []string{
		`true`, `{}`, `{"$ref":"#"}`, `{"type":["string","null"],"pattern":"^(a|b){2,}[^x]$"}`,
		`{"properties":{"a":{"$ref":"#/$defs/b"}},"$defs":{"b":{"anyOf":[{"$ref":"#"},{"type":"null"}]}}}`,
		`{"type":"number","multipleOf":0.01,"exclusiveMinimum":1e-5}`, `{"type":"array","prefixItems":[true],"uniqueItems":true,"minItems":3}`,
		`{"$dynamicRef":"#a","$dynamicAnchor":"a","dependentSchemas":{"a":false},"minProperties":2}`, `{"if":{"minLength":3},"then":false,"not":{"const":""}}`,
		`{"$schema":"http://json-schema.org/draft-04/schema#","id":"http://x/","minimum":1,"exclusiveMinimum":true,"dependencies":{"a":["b"]}}`,
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		s, err := Compile(doc)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
			return
		}
		_, _ = s.Validate([]byte(`{"a":[1,"b",null,{}]}`))
		sample, err := s.Sample()
		if err != nil {
			return
		}
		if !json.Valid(sample) {
			t.Fatalf("not JSON: %s", sample)
		}
		if violations, err := s.Validate(sample); err != nil || len(violations) > 0 {
			t.Errorf("%s does not fit: %v %v", sample, violations, err)
		}
	})
}
