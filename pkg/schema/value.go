package schema

import (
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// typeSet is a set of the types of JSON Schema.
type typeSet uint8

const (
	nullType typeSet = 1 << iota
	booleanType
	numberType
	integerType
	stringType
	arrayType
	objectType
)

// typeNames are the names of the types, in the order of their bits.
var typeNames = [...]string{"null", "boolean", "number", "integer", "string", "array", "object"}

// typeNamed is the type with the name, the empty set if there is none.
func typeNamed(name string) typeSet {
	if i := slices.Index(typeNames[:], name); i >= 0 {
		return 1 << i
	}
	return 0
}

func (s typeSet) names() []string {
	var list []string
	for i, name := range typeNames {
		if s&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	return list
}

// allow reports whether the value is of a type of the set.
func (s typeSet) allow(value any) bool {
	t := typeOf(value)
	return s&t != 0 || t == numberType && s&integerType != 0 && decimalOf(value.(json.Number)).isInteger()
}

// typeOf is the type of a decoded value. An integer is a number.
func typeOf(value any) typeSet {
	switch value.(type) {
	case bool:
		return booleanType
	case json.Number:
		return numberType
	case string:
		return stringType
	case []any:
		return arrayType
	case map[string]any:
		return objectType
	}
	return nullType
}

// decimalNumber is a number without the freedom of notation: 10, 1e1 and 10.0
// are the same one.
type decimalNumber struct {
	negative bool
	digits   string // without zeros at either end, "" for zero
	exponent int    // of the last digit
}

func decimalOf(n json.Number) decimalNumber {
	text, power, _ := strings.Cut(strings.ToLower(string(n)), "e")
	exponent, _ := strconv.Atoi(power)
	text, negative := strings.CutPrefix(text, "-")
	whole, fraction, _ := strings.Cut(text, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	trimmed := strings.TrimRight(digits, "0")
	if trimmed == "" {
		return decimalNumber{}
	}
	return decimalNumber{negative, trimmed, exponent - len(fraction) + len(digits) - len(trimmed)}
}

func (d decimalNumber) isInteger() bool { return d.exponent >= 0 }

// rational is the exact value of a number.
func rational(n json.Number) *big.Rat {
	r, ok := new(big.Rat).SetString(string(n))
	if !ok {
		return new(big.Rat) // cannot be: the decoder let it through
	}
	return r
}

// equal compares as JSON Schema does: numbers by value, objects in any order.
func equal(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		return ok && (a == b || decimalOf(a) == decimalOf(b))
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, equal)
	}
	switch b.(type) {
	case []any, map[string]any:
		return false // Go does not compare them with ==
	}
	return a == b
}

// duplicate finds the first item that equals one before it.
func duplicate(items []any) (first, second int, found bool) {
	if len(items) < 2 {
		return 0, 0, false
	}
	seen := make(map[string]int, len(items))
	for i, item := range items {
		key := string(appendKey(nil, item))
		if first, ok := seen[key]; ok {
			return first, i, true
		}
		seen[key] = i
	}
	return 0, 0, false
}

// appendKey appends text that is the same for equal values only.
func appendKey(key []byte, value any) []byte {
	switch v := value.(type) {
	case bool:
		return strconv.AppendBool(key, v)
	case json.Number:
		d := decimalOf(v)
		if d.negative {
			key = append(key, '-')
		}
		return strconv.AppendInt(append(append(key, d.digits...), 'e'), int64(d.exponent), 10)
	case string:
		return strconv.AppendQuote(key, v)
	case []any:
		key = append(key, '[')
		for _, item := range v {
			key = append(appendKey(key, item), ',')
		}
		return append(key, ']')
	case map[string]any:
		key = append(key, '{')
		for _, name := range slices.Sorted(maps.Keys(v)) {
			key = append(appendKey(append(strconv.AppendQuote(key, name), ':'), v[name]), ',')
		}
		return append(key, '}')
	}
	return append(key, "null"...)
}
