package schema

import (
	"fmt"
	"strings"
	"testing"
)

// TestWhereTheOracleIsWrong is all that is known. A case that the oracle agrees
// on some day can go.
func TestWhereTheOracleIsWrong(t *testing.T) {
	const draft7, draft2019 = `"$schema":"http://json-schema.org/draft-07/schema#",`, `"$schema":"https://json-schema.org/draft/2019-09/schema",`
	tests := []struct {
		reason, schema, value string
		want                  string // "valid", "invalid", or the error of Compile
	}{
		{
			"up to draft 7 the siblings of $ref are ignored, those too that are not of draft 4",
			`{` + draft7 + `"properties":{"a":{"$ref":"#/definitions/b","const":1}},"definitions":{"b":{}}}`, `{"a":2}`, "valid",
		},
		{
			"up to draft 7 the siblings of $ref are ignored, and lead nowhere",
			`{` + draft7 + `"properties":{"a":{"$ref":"#/definitions/b","contains":{"$ref":"#/nowhere"}}},"definitions":{"b":{}}}`, `{}`, "valid",
		},
		{
			"a schema of 2019-09 in one of draft 7 is checked against all of the metaschema, not against the part of it that is come to",
			`{` + draft7 + `"definitions":{"a":{` + draft2019 + `"$id":"http://x/a","definitions":{"b":{"pattern":"a"}}}}}`, `{}`, "valid",
		},
		{
			"$recursiveRef leads to the root of the outermost resource with the anchor, not to the part of it that was come in by",
			`{` + draft2019 + `"$ref":"tree#/$defs/node","$defs":{"t":{"$id":"tree","$recursiveAnchor":true,"type":"array","$defs":{"node":{"properties":{"a":{"$recursiveRef":"#"}}}}}}}`,
			`{"a":{}}`, "invalid",
		},
		{
			"the dynamic scope of the names of properties is that of the object",
			`{"$dynamicAnchor":"n","type":["object","string"],"pattern":"^a","$ref":"mid","$defs":{"m":{"$id":"mid","propertyNames":{"$dynamicRef":"#n"},"$defs":{"d":{"$dynamicAnchor":"n"}}}}}`,
			`{"b":1}`, "invalid",
		},
		{"a limit may be larger than 64 bits have room for", `{"maxLength":18446744073709551616}`, `"a"`, "valid"},
		{"a list is no schema", `{` + draft7 + `"items":[{}],"properties":{"a":{"$ref":"#/items"}}}`, `{}`, "at /items: must be of type"},
		{"a vocabulary is no dialect", `{"$schema":"https://json-schema.org/draft/2020-12/meta/core"}`, `{}`, "outside of it"},
		{"a number in a time has no sign", `{` + draft7 + `"format":"time"}`, `"+1:00:00Z"`, "invalid"},
		{"a number in an IPv4 address has no sign", `{` + draft7 + `"format":"ipv4"}`, `"+1.2.3.4"`, "invalid"},
		{"the local part of an email address is not empty", `{` + draft7 + `"format":"email"}`, `"@example.com"`, "invalid"},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			if compareWithOracle([]byte(test.schema), []byte(test.value)) == "" {
				t.Error("the oracle agrees")
			}
			s, err := Compile([]byte(test.schema))
			got := fmt.Sprint(err)
			if err == nil {
				got = map[bool]string{true: "valid", false: "invalid"}[isValid(t, s, test.value)]
			}
			if !strings.Contains(got, test.want) || got == "invalid" && test.want == "valid" {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func isValid(t *testing.T, s *Schema, value string) bool {
	t.Helper()
	violations, err := s.Validate([]byte(value))
	if err != nil {
		t.Fatal(err)
	}
	return len(violations) == 0
}
