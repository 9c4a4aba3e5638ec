package schema

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
)

// maker makes schemas and values up, as small and as entangled as can be.
type maker struct {
	*rand.Rand
	version int
}

func pick[T any](m *maker, list ...T) T { return list[m.IntN(len(list))] }

func (m *maker) name() string { return pick(m, "a", "b", "c", "ab", "x-1", "$ref", "~/") }

func (m *maker) value(depth int) any {
	switch m.IntN(8) {
	case 0:
		return nil
	case 1:
		return m.IntN(2) == 0
	case 2, 3:
		return json.Number(pick(m, "0", "1", "2", "3", "1.0", "1.5", "-1", "1e1", "10", "0.3", "0.30"))
	case 4:
		return m.text()
	}
	if depth == 0 {
		return m.name()
	}
	n := m.IntN(4)
	if m.IntN(3) == 0 {
		list := []any{}
		for range n {
			list = append(list, m.value(depth-1))
		}
		return list
	}
	object := map[string]any{}
	for range n {
		object[m.name()] = m.value(depth - 1)
	}
	return object
}

func (m *maker) text() string {
	return pick(m, "", "a", "ab", "abc", "é", "a1", "2025-01-01", "2025-02-30", "12:00:00Z", "23:59:60Z", "22:59:60-01:00", "2025-01-01T00:00:00z",
		"P1Y2M", "PT", "P1W", "P1D/2025-01-01T00:00:00Z", "a@b", "a@[1.2.3.4]", `"a b"@c`, ".a@b", "host.example.", "-a", "1.2.3.4", "01.2.3.4", "::1", "::1%a",
		"http://a/b", "http://[::1]/", "http://::1/", "//a", `\\a`, "http://a/{b}", "http://a/{b{c}}", "{a", "/a~0", "/a~2", "0/a", "01", "1#",
		"00000000-0000-4000-8000-000000000001", "(", "a*", "1.0.0", "1.0.0-01", "1.0.0-a.1+b", "#/a", "urn:a:b", "%", "%41")
}

func (m *maker) reference() string {
	return pick(m, "#", "#/$defs/a", "#/$defs/b", "#/definitions/a", "#/definitions/b", "#/properties/a", "#/allOf/0", "#/unknown/a", "#a", "#b",
		"http://x/a", "http://x/a#/properties/a", "b", "b#a", "urn:x:y", "urn:x:y#/$defs/a", "#/nowhere", "http://json-schema.org/draft-07/schema#",
		"https://json-schema.org/draft/2020-12/schema", "https://json-schema.org/draft/2019-09/schema#/$defs/anchorString", "http://json-schema.org/draft-04/schema#/definitions/positiveInteger")
}

func (m *maker) pattern() string { return pick(m, "^a", "b$", "^[a-c]+$", ".", "^$", "\\d", "x-") }

func (m *maker) schema(depth int) any {
	if m.version >= 6 && m.IntN(8) == 0 {
		return m.IntN(4) > 0
	}
	s := map[string]any{}
	for range m.IntN(3) + 1 {
		m.keyword(s, depth)
	}
	return s
}

func (m *maker) list(depth int) []any {
	list := []any{}
	for range m.IntN(3) + 1 {
		list = append(list, m.schema(depth))
	}
	return list
}

func (m *maker) members(depth int, name func() string) map[string]any {
	object := map[string]any{}
	for range m.IntN(3) + 1 {
		object[name()] = m.schema(depth)
	}
	return object
}

func (m *maker) keyword(s map[string]any, depth int) {
	count := json.Number(strconv.Itoa(m.IntN(4)))
	number := json.Number(pick(m, "0", "1", "1.5", "2", "10", "1e0"))
	plain := []func(){
		func() {
			s["type"] = pick[any](m, "null", "boolean", "number", "integer", "string", "array", "object", []any{"string", "array"}, []any{"object", "integer"})
		},
		func() { s["type"] = pick[any](m, "object", "array") },
		func() { s["enum"] = []any{m.value(1), m.value(1), m.value(1)} },
		func() { s["const"] = m.value(1) },
		func() { s[pick(m, "minimum", "maximum", "multipleOf")] = number },
		func() {
			if m.version == 4 {
				s["minimum"], s["exclusiveMinimum"] = number, m.IntN(2) == 0
				return
			}
			s[pick(m, "exclusiveMinimum", "exclusiveMaximum")] = number
		},
		func() {
			s[pick(m, "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains")] = count
		},
		func() { s["uniqueItems"] = m.IntN(4) > 0 },
		func() { s["pattern"] = m.pattern() },
		func() { s["required"] = []any{m.name()} },
		func() { s["format"] = formats[m.IntN(len(formats))].name },
		func() { s["dependentRequired"] = map[string]any{m.name(): []any{m.name()}} },
		func() { s["$ref"] = m.reference() },
		func() { s["$ref"] = pick(m, "#", "#/$defs/a", "#/definitions/a", "#/$defs/b") },
		func() { s[pick(m, "$dynamicRef", "$recursiveRef")] = pick(m, "#", "#", "#a", "#b", m.reference()) },
		func() { s[pick(m, "$anchor", "$dynamicAnchor")] = pick(m, "a", "b") },
		func() { s["$recursiveAnchor"] = m.IntN(2) == 0 },
		func() {
			s[pick(m, "$id", "$id", "id")] = pick(m, "http://x/a", "http://x/b", "b", "#a", "#b", "urn:x:y")
		},
		func() { s["$schema"] = pick(m, dialects[:]...).url },
	}
	if depth == 0 {
		plain[m.IntN(len(plain))]()
		return
	}
	depth--
	nested := []func(){
		func() { s["properties"] = m.members(depth, m.name) },
		func() { s["patternProperties"] = m.members(depth, m.pattern) },
		func() { s["$defs"] = m.members(depth, m.name) },
		func() { s["definitions"] = m.members(depth, m.name) },
		func() { s["unknown"] = m.members(depth, m.name) },
		func() { s["dependentSchemas"] = m.members(depth, m.name) },
		func() { s["dependencies"] = map[string]any{m.name(): m.schema(depth), m.name(): []any{m.name()}} },
		func() { s[pick(m, "allOf", "anyOf", "oneOf")] = m.list(depth) },
		func() { s[pick(m, "allOf", "anyOf", "oneOf")] = m.list(depth) },
		func() { s[pick(m, "not", "contains", "propertyNames", "additionalProperties")] = m.schema(depth) },
		func() { s["items"] = m.schema(depth) },
		func() {
			if m.version >= 2020 {
				s["prefixItems"] = m.list(depth)
				return
			}
			s["items"] = m.list(depth)
			s["additionalItems"] = m.schema(depth)
		},
		func() { s[pick(m, "unevaluatedProperties", "unevaluatedItems")] = pick(m, false, m.schema(depth)) },
		func() { s["if"], s["then"], s["else"] = m.schema(depth), m.schema(depth), m.schema(depth) },
	}
	if m.IntN(2) == 0 {
		nested[m.IntN(len(nested))]()
		return
	}
	plain[m.IntN(len(plain))]()
}

// TestAgreesWithTheOracleOnRandomSchemas makes schemas up from fixed seeds. The
// variable SCHEMA_SEEDS asks for more of them.
func TestAgreesWithTheOracleOnRandomSchemas(t *testing.T) {
	seeds, err := strconv.Atoi(os.Getenv("SCHEMA_SEEDS"))
	if err != nil {
		seeds = 500
	}
	compiled, failed := 0, 0
	for seed := range seeds {
		for _, d := range dialects {
			m := &maker{rand.New(rand.NewPCG(uint64(seed), uint64(d.version))), d.version}
			schema, _ := json.Marshal(m.schema(3))
			doc := inDialect(schema, d)
			var values [][]byte
			for range 6 {
				value, _ := json.Marshal(m.value(3))
				values = append(values, value)
			}
			if _, err := Compile(doc); err == nil {
				compiled++
			}
			if mayDiffer(doc, values...) {
				continue
			}
			if diff := compareWithOracle(doc, values...); diff != "" {
				failed++
				t.Errorf("seed %d: %s: %s", seed, doc, diff)
				if failed > 20 {
					t.FailNow()
				}
			}
		}
	}
	if compiled < seeds {
		t.Error("most schemas that were made up are refused:", compiled)
	}
}

func TestFormatsAgreeWithTheOracle(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	m := &maker{random, 7}
	const runes = "0123456789abzPTYMDHWSZ:-+./#~@[]{}%\\\" é٣(*?_"
	for _, f := range formats {
		theirs, err := oracle(fmt.Appendf(nil, `{"$schema":"http://json-schema.org/draft-07/schema#","format":%q}`, f.name))
		if err != nil {
			t.Fatal(err)
		}
		for range 4000 {
			text := []rune(m.text())
			if m.IntN(2) == 0 {
				text = []rune(formatted(f.name, m.IntN(100)))
			}
			for range m.IntN(4) {
				i := m.IntN(len(text) + 1)
				switch r := pick(m, []rune(runes)...); {
				case i == len(text) || m.IntN(3) == 0:
					text = slices.Insert(text, i, r)
				case m.IntN(2) == 0:
					text[i] = r
				default:
					text = slices.Delete(text, i, i+1)
				}
			}
			s := string(text)
			if ours := f.valid(s); ours != (theirs.Validate(s) == nil) && !formatMayDiffer(s) {
				t.Errorf("%s: %q is %v", f.name, s, ours)
			}
		}
	}
}
