package schema

import (
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// drafts are the addresses of the supported drafts.
var drafts = []string{
	"http://json-schema.org/draft-04/schema", "http://json-schema.org/draft-06/schema", "http://json-schema.org/draft-07/schema",
	"https://json-schema.org/draft/2019-09/schema", "https://json-schema.org/draft/2020-12/schema",
}

func TestASchemaIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	for _, d := range drafts {
		s := mustCompile(t, `{"$schema":"`+d+`","type":"object","properties":{
			"next":{"anyOf":[{"$ref":"#"},{"type":"null"}]},"when":{"format":"date-time"},"list":{"items":{"pattern":"^a+$"},"uniqueItems":true}},
			"additionalProperties":{"$ref":"`+d+`"},"dependencies":{"when":["list"]}}`)
		sample, err := s.Sample()
		if err != nil {
			t.Fatal(err)
		}
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				for range 5 {
					if again, err := s.Sample(); err != nil || string(again) != string(sample) {
						t.Errorf("got %s %v, want %s", again, err, sample)
					}
					violations, err := s.Validate([]byte(`{"next":{"next":null},"list":["a","b","a"],"x":{"type":"y"}}`))
					if err != nil || len(violations) != 3 {
						t.Errorf("got %v %v", violations, err)
					}
				}
			})
		}
		wait.Wait()
	}
}

func TestDeepNesting(t *testing.T) {
	t.Parallel()
	const deep = 490 // subschemas
	nested := strings.Repeat(`{"properties":{"a":`, deep) + `{"const":1}` + strings.Repeat(`}}`, deep)
	value := func(innermost string) []byte {
		return []byte(strings.Repeat(`{"a":`, deep) + innermost + strings.Repeat(`}`, deep))
	}
	recursive := `{"anyOf":[{"type":"object","properties":{"a":{"$ref":"#"}}},{"const":1}]}`
	for _, doc := range []string{nested, recursive} {
		s := mustCompile(t, doc)
		for innermost, want := range map[string]int{`1`: 0, `2`: 1} {
			violations, err := s.Validate(value(innermost))
			if err != nil || len(violations) != want {
				t.Errorf("%.30s: got %d violations, %v", doc, len(violations), err)
			}
		}
	}
}

// A stack overflow would end the program.
func TestEvaluationIsBounded(t *testing.T) {
	t.Parallel()
	const chain = 450
	var b strings.Builder
	b.WriteString(`{"$ref":"#/$defs/0","$defs":{`)
	for i := range chain {
		b.WriteString(`"` + strconv.Itoa(i) + `":{"anyOf":[{"allOf":[{"oneOf":[{"$ref":"#/$defs/` + strconv.Itoa(i+1) + `"}]}]}]},`)
	}
	b.WriteString(`"` + strconv.Itoa(chain) + `":{"items":{"$ref":"#"}}}}`)
	s := mustCompile(t, b.String())
	deepest := maxLevels / (s.links + 100)
	for depth, want := range map[int]string{
		deepest: "", deepest + 2: "nested too deeply for so large a schema", 2 * maxDepth: "nested too deeply",
	} {
		violations, err := s.Validate([]byte(strings.Repeat("[", depth) + strings.Repeat("]", depth)))
		if len(violations) > 0 || want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%d: got %v %v", depth, violations, err)
		}
	}
}

func TestReferencesLeadToEveryPlaceOfTheDocument(t *testing.T) {
	tests := map[string]string{
		"unknown keywords":          `{"$ref":"#/components/schemas/X","components":{"schemas":{"X":{"type":"integer"}}}}`,
		"definitions in 2020-12":    `{"$ref":"#/definitions/X","definitions":{"X":{"type":"integer"}}}`,
		"$defs in draft 7":          `{"$schema":"http://json-schema.org/draft-07/schema#","$ref":"#/$defs/X","$defs":{"X":{"type":"integer"}}}`,
		"escapes":                   `{"$ref":"#/$defs/a~1b~0c%25d","$defs":{"a/b~c%d":{"type":"integer"}}}`,
		"an item of a list":         `{"$ref":"#/$defs/X/allOf/1","$defs":{"X":{"allOf":[true,{"type":"integer"}]}}}`,
		"an anchor":                 `{"$ref":"#x","$defs":{"X":{"$anchor":"x","type":"integer"}}}`,
		"an anchor of draft 7":      `{"$schema":"http://json-schema.org/draft-07/schema#","allOf":[{"$ref":"#x"}],"definitions":{"X":{"$id":"#x","type":"integer"}}}`,
		"an id":                     `{"$id":"https://example.com/a/b","$ref":"c","$defs":{"X":{"$id":"/a/c","type":"integer"}}}`,
		"an id of draft 4":          `{"$schema":"http://json-schema.org/draft-04/schema#","allOf":[{"$ref":"http://x/y"}],"definitions":{"X":{"id":"http://x/y","type":"integer"}}}`,
		"an URN":                    `{"$id":"urn:a:b","$ref":"#/$defs/X","$defs":{"X":{"type":"integer"}}}`,
		"a dynamic anchor":          `{"$ref":"list","$defs":{"item":{"$dynamicAnchor":"x","type":"integer"},"list":{"$id":"list","$dynamicRef":"#x","$defs":{"x":{"$dynamicAnchor":"x"}}}}}`,
		"a recursive anchor":        `{"$schema":"https://json-schema.org/draft/2019-09/schema","$recursiveAnchor":true,"anyOf":[{"type":"integer"},{"type":"array","items":{"$ref":"inner"}}],"$defs":{"X":{"$id":"inner","$recursiveAnchor":true,"$recursiveRef":"#"}},"not":{"type":"string"}}`,
		"a metaschema's definition": `{"$ref":"http://json-schema.org/draft-04/schema#/definitions/positiveInteger"}`,
	}
	for name, doc := range tests {
		t.Run(name, func(t *testing.T) {
			s := mustCompile(t, doc)
			if got, err := s.Validate([]byte(`3`)); err != nil || len(got) > 0 {
				t.Errorf("3: got %v %v", got, err)
			}
			if got, err := s.Validate([]byte(`"3"`)); err != nil || len(got) == 0 {
				t.Errorf(`"3": got %v %v`, got, err)
			}
		})
	}
}

func TestMessagesOfKeywords(t *testing.T) {
	tests := map[string]struct {
		schema, value string
		want          []Violation
	}{
		"dependencies":                     {`{"dependencies":{"a":["b","c"]}}`, `{"a":1}`, []Violation{{"", "properties 'b', 'c' required, if 'a' exists"}}},
		"contains":                         {`{"contains":{"type":"string"}}`, `[1,2]`, []Violation{{"", "no items match contains schema"}}},
		"minContains":                      {`{"contains":{"type":"string"},"minContains":2}`, `["a",2]`, []Violation{{"", "min 2 items required to match contains schema, but matched 1 items at 0"}}},
		"maxContains":                      {`{"contains":{"type":"string"},"maxContains":1}`, `["a","b"]`, []Violation{{"", "max 1 items required to match contains schema, but matched 2 items at 0 1"}}},
		"additional items":                 {`{"$schema":"http://json-schema.org/draft-07/schema#","items":[true],"additionalItems":false}`, `[1,2]`, []Violation{{"", "last 1 additionalItem(s) not allowed"}}},
		"unevaluated":                      {`{"allOf":[{"properties":{"a":true}}],"unevaluatedProperties":false}`, `{"a":1,"b":2}`, []Violation{{"/b", "no value is allowed here"}}},
		"uniqueItems":                      {`{"uniqueItems":true}`, `[{"a":1,"b":2},{"b":2.0,"a":10e-1}]`, []Violation{{"", "items at 0 and 1 are equal"}}},
		"names of extra properties":        {`{"items":{"propertyNames":{"maxLength":1}}}`, `[1,{"ab":1},3]`, []Violation{{"/1", `property name "ab": maxLength: got 2, want 1`}}},
		"names of an object before others": {`{"items":{"propertyNames":{"maxLength":1}}}`, `[{"ab":1},{"c":1},{"d":1}]`, []Violation{{"/0", `property name "ab": maxLength: got 2, want 1`}}},
		"a discriminated union": {
			`{"oneOf":[{"properties":{"kind":{"const":"cat"},"lives":{"type":"integer"}}},{"properties":{"kind":{"const":"dog"}},"required":["name"]}]}`,
			`{"kind":"cat","lives":"nine"}`,
			[]Violation{{"", "matches none of 2 alternatives: at /lives: got string, want integer; missing property 'name'"}},
		},
		"one problem of each kind of branch": {
			`{"anyOf":[{"properties":{"c":{"const":1},"b":{"const":1}}},{"required":["d"]}]}`, `{"c":2,"b":2}`,
			[]Violation{{"", "matches none of 2 alternatives: at /b: value must be 1; missing property 'd'"}},
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
