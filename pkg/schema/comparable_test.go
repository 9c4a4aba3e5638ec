package schema

import (
	"encoding/json"
	"slices"
	"strings"
)

// mayDiffer reports whether the oracle may be wrong about a schema or a value,
// for one of the reasons of TestWhereTheOracleIsWrong. What was made up is then
// not compared.
func mayDiffer(doc []byte, values ...[]byte) bool {
	schema, err := decode(doc)
	if err != nil {
		return false
	}
	plain, err := json.Marshal(schema) // without escapes
	if err != nil {
		return false
	}
	has := func(words ...string) bool {
		return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(string(plain), word) })
	}
	switch root, _ := schema.(map[string]any); {
	case has("draft/2019-09") && root["$schema"] != draft2019.url,
		has("$recursiveRef", "$recursiveAnchor", "id"),
		has("propertyNames", "$recursiveRef"), has("propertyNames", "$dynamicRef"),
		has("/meta/"):
		return true
	case has("format"):
		for _, value := range values {
			if decoded, err := decode(value); err == nil && holds(decoded, isOddText) {
				return true
			}
		}
	}
	return holds(schema, isOddSchema)
}

// isOddSchema tells of a reference with siblings that draft 4 does not know, or
// to a list, and of a limit that has no room in 64 bits.
func isOddSchema(value any) bool {
	object, _ := value.(map[string]any)
	for name, member := range object {
		n, isNumber := member.(json.Number)
		if isNumber && (strings.HasPrefix(name, "min") || strings.HasPrefix(name, "max")) && !rational(n).Num().IsInt64() {
			return true
		}
	}
	reference, ok := object["$ref"].(string)
	if !ok {
		return false
	}
	for _, sibling := range []string{"const", "if", "contains", "propertyNames"} {
		if _, ok := object[sibling]; ok {
			return true
		}
	}
	return strings.Contains(reference, "/items") || strings.Contains(reference, "/dependencies")
}

func isOddText(value any) bool {
	text, ok := value.(string)
	return ok && formatMayDiffer(text)
}

// formatMayDiffer is mayDiffer for a text that is to have a format.
func formatMayDiffer(text string) bool {
	for i := range len(text) - 1 {
		sign := text[i] == '+' || text[i] == '-'
		if sign && isOf(text[i+1:i+2], digits) && (i == 0 || !isOf(text[i-1:i], digits)) {
			return true
		}
	}
	return strings.HasPrefix(text, "@")
}

// holds reports whether the value, or one in it, is odd.
func holds(value any, odd func(any) bool) bool {
	if odd(value) {
		return true
	}
	switch v := value.(type) {
	case []any:
		return slices.ContainsFunc(v, func(item any) bool { return holds(item, odd) })
	case map[string]any:
		for name, member := range v {
			if odd(name) || holds(member, odd) {
				return true
			}
		}
	}
	return false
}
