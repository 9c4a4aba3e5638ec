package schema

import (
	"strings"
	"testing"
)

func TestSample(t *testing.T) {
	tests := map[string]struct{ schema, want string }{
		"true":                        {`true`, `"sample value"`},
		"string":                      {`{"type":"string"}`, `"sample value"`},
		"integer":                     {`{"type":"integer"}`, `1`},
		"number":                      {`{"type":"number"}`, `1.5`},
		"boolean":                     {`{"type":"boolean"}`, `true`},
		"null":                        {`{"type":"null"}`, `null`},
		"type list":                   {`{"type":["null","integer"]}`, `1`},
		"const":                       {`{"const":{"a":[1,2.50]}}`, `{"a":[1,2.50]}`},
		"enum":                        {`{"enum":[null,"b","a"]}`, `"b"`},
		"default":                     {`{"type":"integer","default":8080}`, `8080`},
		"default that does not match": {`{"type":"integer","default":"x"}`, `1`},
		"empty default":               {`{"type":"array","items":{"type":"integer"},"default":[]}`, `[1]`},
		"null default":                {`{"anyOf":[{"type":"string"},{"type":"null"}],"default":null}`, `"sample value"`},
		"examples":                    {`{"type":"string","examples":[1,"Berlin"]}`, `"Berlin"`},
		"optional properties": {
			`{"type":"object","properties":{"title":{"type":"string"},"ok":{"type":"boolean"},"count":{"type":"integer"}},"required":["ok"]}`,
			`{"count":1,"ok":true,"title":"sample title"}`,
		},
		"required without a schema": {`{"type":"object","required":["a"]}`, `{"a":"sample a"}`},
		"list of references": {
			`{"$defs":{"Item":{"properties":{"name":{"type":"string"},"qty":{"type":"integer"}},"required":["name","qty"],"type":"object"}},"properties":{"items":{"items":{"$ref":"#/$defs/Item"},"type":"array"}},"type":"object"}`,
			`{"items":[{"name":"sample name","qty":1}]}`,
		},
		"date":                    {`{"type":"string","format":"date"}`, `"2025-01-01"`},
		"date-time":               {`{"type":"string","format":"date-time"}`, `"2025-01-01T09:00:00Z"`},
		"email":                   {`{"type":"string","format":"email"}`, `"person1@example.com"`},
		"uri":                     {`{"type":"string","format":"uri"}`, `"https://example.com/1"`},
		"uuid":                    {`{"type":"string","format":"uuid"}`, `"00000000-0000-4000-8000-000000000001"`},
		"unknown format":          {`{"type":"string","format":"colour"}`, `"sample value"`},
		"minimum":                 {`{"type":"integer","minimum":10}`, `10`},
		"exclusiveMinimum":        {`{"type":"integer","exclusiveMinimum":10}`, `11`},
		"maximum":                 {`{"type":"integer","maximum":-5}`, `-5`},
		"exclusiveMaximum":        {`{"type":"integer","exclusiveMaximum":1}`, `0`},
		"between":                 {`{"type":"number","minimum":0,"maximum":1}`, `0.5`},
		"between open ends":       {`{"type":"number","exclusiveMinimum":0.1,"exclusiveMaximum":0.2}`, `0.15`},
		"multipleOf":              {`{"type":"number","multipleOf":0.25,"minimum":3.1}`, `3.25`},
		"a big minimum":           {`{"type":"integer","minimum":12345678901234567890123}`, `12345678901234567890123`},
		"maxLength":               {`{"type":"string","maxLength":3}`, `"sam"`},
		"minLength":               {`{"type":"string","minLength":15}`, `"sample value..."`},
		"pattern":                 {`{"type":"string","pattern":"^[A-Z]{2}-\\d+$"}`, `"AB-45"`},
		"pattern and length":      {`{"type":"string","pattern":"^a*$","minLength":7,"maxLength":9}`, `"aaaaaaaa"`},
		"minItems":                {`{"type":"array","items":{"type":"string"},"minItems":2}`, `["sample value","sample value 2"]`},
		"uniqueItems of an enum":  {`{"type":"array","items":{"enum":["a","b","c"]},"minItems":3,"uniqueItems":true}`, `["a","b","c"]`},
		"uniqueItems of booleans": {`{"type":"array","items":{"type":"boolean"},"minItems":2,"uniqueItems":true}`, `[true,false]`},
		"prefixItems":             {`{"type":"array","prefixItems":[{"type":"string"},{"type":"integer"}],"items":false}`, `["sample value",2]`},
		"items of draft 7":        {`{"$schema":"http://json-schema.org/draft-07/schema#","type":"array","items":[{"type":"boolean"}],"additionalItems":false}`, `[true]`},
		"maxItems of 0":           {`{"type":"array","maxItems":0}`, `[]`},
		"anyOf":                   {`{"anyOf":[{"type":"null"},{"type":"integer"}]}`, `1`},
		"oneOf that excludes":     {`{"oneOf":[{"type":"integer"},{"type":"number","minimum":0}]}`, `1.5`},
		"allOf":                   {`{"allOf":[{"properties":{"a":{"type":"integer"}}},{"properties":{"b":{"type":"string"}},"required":["b"]}],"type":"object"}`, `{"a":1,"b":"sample b"}`},
		"if":                      {`{"type":"object","properties":{"kind":{"enum":["a","b"]}},"required":["kind"],"if":{"properties":{"kind":{"const":"a"}}},"then":{"required":["x"]}}`, `{"kind":"a","x":"sample x"}`},
		"not":                     {`{"not":{"type":"string"}}`, `{}`},
		"recursion by an optional property": {
			`{"type":"object","properties":{"name":{"type":"string"},"child":{"$ref":"#"}}}`, `{"name":"sample name"}`,
		},
		"recursion by a required one that may be null": {
			`{"type":"object","properties":{"next":{"anyOf":[{"$ref":"#"},{"type":"null"}]}},"required":["next"]}`, `{"next":null}`,
		},
		"recursion by a list": {
			`{"$defs":{"Node":{"type":"object","properties":{"kids":{"type":"array","items":{"$ref":"#/$defs/Node"}}},"required":["kids"]}},"$ref":"#/$defs/Node"}`, `{"kids":[]}`,
		},
		"a dictionary":                            {`{"type":"object","additionalProperties":{"type":"integer"}}`, `{"key1":1}`},
		"a dictionary by pattern":                 {`{"type":"object","patternProperties":{"^x-[a-z]+$":{"type":"boolean"}},"additionalProperties":false}`, `{"x-cd":true}`},
		"minProperties":                           {`{"type":"object","minProperties":2}`, `{"key1":"sample key1","key2":"sample key2"}`},
		"maxProperties":                           {`{"type":"object","properties":{"a":{"const":1},"b":{"const":2}},"maxProperties":1}`, `{}`},
		"closed over allOf":                       {`{"allOf":[{"properties":{"a":{"const":1}}}],"unevaluatedProperties":false}`, `{"a":1}`},
		"dependentRequired":                       {`{"type":"object","properties":{"a":{"const":1},"b":{"const":2}},"dependentRequired":{"a":["b"]}}`, `{"a":1,"b":2}`},
		"optional property that is never allowed": {`{"type":"object","properties":{"a":false,"b":{"const":1}}}`, `{"b":1}`},
		"text is not escaped for HTML":            {`{"const":"<b>"}`, `"<b>"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := mustCompile(t, test.schema)
			for range 3 { // the order of maps is random
				got, err := s.Sample()
				if err != nil {
					t.Fatal(err)
				}
				if string(got) != test.want {
					t.Fatalf("got %s, want %s", got, test.want)
				}
			}
		})
	}
}

func TestSampleIsAnErrorIfNoValueIsFound(t *testing.T) {
	t.Parallel()
	for name, doc := range map[string]string{
		"false":             `false`,
		"a contradiction":   `{"type":"integer","minimum":3,"maximum":2}`,
		"endless":           `{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]}`,
		"itself":            `{"$ref":"#"}`,
		"a billion items":   `{"type":"array","minItems":1000000000}`,
		"a billion letters": `{"type":"string","minLength":1000000000}`,
		"many large things": `{"type":"array","minItems":900,"items":{"type":"array","minItems":900,"items":{"type":"string","minLength":900}}}`,
		"many alternatives": `{"allOf":[` + strings.Repeat(`{"anyOf":[{"minimum":1},{"minimum":2},{"minimum":3}]},`, 30) + `{"type":"integer","maximum":0}]}`,
		"a required property that is never allowed": `{"type":"object","properties":{"a":false},"required":["a"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := mustCompile(t, doc).Sample(); err == nil {
				t.Errorf("no error, but %.100s", got)
			}
		})
	}
}
