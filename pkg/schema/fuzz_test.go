package schema

import (
	"encoding/json"
	"strings"
	"testing"
)

func FuzzSchema(f *testing.F) {
	for _, seed := range [][2]string{
		{`true`, `{"a":[1,"b",null,{}]}`},
		{`{}`, `{"a":[1,"b",null,{}]}`},
		{`{"$ref":"#"}`, `{"a":[1,"b",null,{}]}`},
		{`{"type":["string","null"],"pattern":"^(a|b){2,}[^x]$"}`, `{"a":[1,"b",null,{}]}`},
		{`{"properties":{"a":{"$ref":"#/$defs/b"}},"$defs":{"b":{"anyOf":[{"$ref":"#"},{"type":"null"}]}}}`, `{"a":[1,"b",null,{}]}`},
		{`{"type":"number","multipleOf":0.01,"exclusiveMinimum":1e-5}`, `{"a":[1,"b",null,{}]}`},
		{`{"type":"array","prefixItems":[true],"uniqueItems":true,"minItems":3}`, `{"a":[1,"b",null,{}]}`},
		{`{"$dynamicRef":"#a","$dynamicAnchor":"a","dependentSchemas":{"a":false},"minProperties":2}`, `{"a":[1,"b",null,{}]}`},
		{`{"if":{"minLength":3},"then":false,"not":{"const":""}}`, `{"a":[1,"b",null,{}]}`},
		{`{"$schema":"http://json-schema.org/draft-04/schema#","id":"http://x/","minimum":1,"exclusiveMinimum":true,"dependencies":{"a":["b"]}}`, `{"a":[1,"b",null,{}]}`},
		{`true`, `1`},
		{`{"type":["integer","null"],"minimum":1.5,"multipleOf":0.5}`, `2.0`},
		{`{"$ref":"#/$defs/a/b","$defs":{"a":{"b":{"pattern":"^a"}}}}`, `"ab"`},
		{`{"$id":"http://x/a","$ref":"b#c","$defs":{"b":{"$id":"b","$defs":{"c":{"$anchor":"c","enum":[1,"a",{"b":[]}]}}}}}`, `{"b":[]}`},
		{`{"$dynamicRef":"#a","$dynamicAnchor":"a","properties":{"a":{"$dynamicRef":"#a"}},"unevaluatedProperties":false}`, `{"a":{"b":1}}`},
		{`{"anyOf":[{"prefixItems":[true]},{"contains":{"const":1}}],"unevaluatedItems":{"type":"string"},"uniqueItems":true}`, `[null,1,"a",2]`},
		{`{"if":{"minLength":2},"then":{"maxLength":3},"else":{"const":""},"not":{"const":"ab"}}`, `"abc"`},
		{`{"dependentRequired":{"a":["b"]},"dependentSchemas":{"b":{"maxProperties":2}},"propertyNames":{"pattern":"[ab]"},"patternProperties":{"^a":{"type":"null"}},"additionalProperties":false}`, `{"a":null,"b":1}`},
		{`{"$schema":"http://json-schema.org/draft-04/schema#","id":"http://x/","minimum":1,"exclusiveMinimum":true,"dependencies":{"a":["b"],"b":{}},"items":[{}],"additionalItems":false}`, `[1,2]`},
		{`{"$schema":"http://json-schema.org/draft-06/schema#","contains":{"enum":[1]},"definitions":{"a":{"$id":"#a"}},"items":{"$ref":"#a"}}`, `[1]`},
		{`{"$schema":"http://json-schema.org/draft-07/schema#","items":{"format":"date-time"}}`, `["2016-12-31T23:59:60Z"]`},
		{`{"$schema":"http://json-schema.org/draft-07/schema#","format":"email"}`, `"a@[IPv6:::1]"`},
		{`{"$schema":"http://json-schema.org/draft-07/schema#","format":"uri-template"}`, `"http://a/{b}"`},
		{`{"$schema":"http://json-schema.org/draft-07/schema#","format":"duration"}`, `"P1Y2M3DT4H5M6S"`},
		{`{"$schema":"http://json-schema.org/draft-07/schema#","format":"relative-json-pointer"}`, `"1/a~0"`},
		{`{"$schema":"https://json-schema.org/draft/2019-09/schema","$recursiveAnchor":true,"properties":{"a":{"$recursiveRef":"#"}},"minContains":0,"contains":{},"maxContains":1}`, `{"a":[1,2]}`},
		{`{"properties":{"a":{"$ref":"https://json-schema.org/draft/2020-12/schema"},"b":{"$ref":"http://json-schema.org/draft-07/schema#"}}}`, `{"a":{"type":1},"b":{"type":"a"}}`},
		{`{"$defs":{"a":{"$schema":"http://json-schema.org/draft-07/schema#","$id":"http://x/a","items":[{"type":"null"}]}},"$ref":"http://x/a"}`, `[1]`},
		{`{"anyOf":[{"$ref":"#"},{"not":{"$ref":"#"}}]}`, `0`},
		{`{"oneOf":[{"maximum":1e2},{"minimum":1E2},{"const":-0.0}]}`, `100.0`},
		{`{"pattern":"^(?=a)(?<x>\\p{Letter}+)(?<!b)\\s$"}`, `"a\u00a0"`},
		{`{"pattern":"^(a+)+$"}`, `"aaaaaaaaaaaaaaaaaaaaaaaaaaaaab"`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	// Nothing panics or hangs, and a sample always matches.
	f.Fuzz(func(t *testing.T, doc, value []byte) {
		s, err := Compile(doc)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
			return
		}
		_, _ = s.Validate(value)
		sample, err := s.Sample()
		if err != nil {
			return
		}
		if !json.Valid(sample) {
			t.Fatalf("not JSON: %s", sample)
		}
		if violations, err := s.Validate(sample); err != nil || len(violations) > 0 {
			t.Errorf("%s does not match: %v %v", sample, violations, err)
		}
	})
}
