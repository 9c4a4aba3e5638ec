package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/narada-cli/narada/pkg/narada"
)

// The limits of a sample. No search can tell in general whether any value matches
// a schema; this one tries the values that the keywords suggest.
const (
	maxTurns   = 4      // choices of alternatives
	maxValues  = 20_000 // generated values, nested ones too
	maxNesting = 64
	maxMembers = 1000   // items or properties of one value
	maxText    = 10_000 // characters
	// Optional properties and items are generated down to this depth.
	optionalDepth = 6
)

// sampler generates one value.
type sampler struct {
	full   bool // with optional properties and items
	turn   int  // which alternatives are selected
	values int  // generated so far
	active map[*jsonschema.Schema]int
}

// schemas are those that one value must match together.
type schemas []*jsonschema.Schema

// place is where a value belongs.
type place struct {
	name  string // of the property
	n     int    // index in the enclosing array
	depth int
}

// Sample generates a value that matches the schema, always the same one, with
// optional properties. It uses the examples and defaults of the schema if they
// match. It returns an error if it finds no value; there may still be one.
func (s *Schema) Sample() (doc json.RawMessage, err error) {
	err = s.guard.run(maxSearch, func() {
		g := &sampler{active: make(map[*jsonschema.Schema]int)}
		for attempt := 0; doc == nil && attempt < 2*maxTurns; attempt++ {
			g.full, g.turn = attempt < maxTurns, attempt%maxTurns
			value, _ := g.value(schemas{s.root}, place{name: "value"})
			if s.root.Validate(value) == nil {
				doc, _ = narada.EncodeJSON(value) // it consists of JSON types
			}
		}
	})
	if err == nil && doc == nil {
		err = errors.New("no sample was found that fits the schema")
	}
	return doc, err
}

// value generates a value that matches all the schemas.
func (g *sampler) value(all schemas, p place) (any, bool) {
	if g.values++; g.values > maxValues || p.depth > maxNesting {
		return nil, false
	}
	wider := g.applying(all)
	for _, s := range wider {
		g.active[s]++
		defer func() { g.active[s]-- }()
	}
	for _, value := range g.given(wider, p) {
		if all.match(value) {
			return value, true
		}
	}
	for _, name := range types(wider) {
		if value, ok := g.ofType(name, wider, p); ok && all.match(value) {
			return value, true
		}
	}
	return nil, false
}

func (all schemas) match(value any) bool {
	return !slices.ContainsFunc(all, func(s *jsonschema.Schema) bool { return s.Validate(value) != nil })
}

// applying adds the schemas that apply to the same value: the targets of
// references, those of allOf, and one of each list of alternatives.
func (g *sampler) applying(all schemas) schemas {
	all = slices.Clone(all)
	for i := 0; i < len(all); i++ {
		s := all[i]
		next := slices.Concat(schemas{s.Ref, s.RecursiveRef}, s.AllOf, g.pick(s.AnyOf), g.pick(s.OneOf))
		if s.If != nil {
			next = slices.Concat(next, []schemas{{s.If, s.Then}, {s.Else}}[g.turn%2])
		}
		for _, s := range next {
			if s != nil && !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return all
}

// pick selects one alternative. The order is: all others, null, recursive ones.
func (g *sampler) pick(alternatives []*jsonschema.Schema) schemas {
	var order [3]schemas
	for _, s := range alternatives {
		rank := 0
		if g.recursive(s) {
			rank = 2
		} else if s.Types != nil && s.Types.String() == "[null]" {
			rank = 1
		}
		order[rank] = append(order[rank], s)
	}
	if len(alternatives) == 0 {
		return nil
	}
	i := g.turn % len(alternatives)
	return slices.Concat(order[:]...)[i : i+1]
}

// recursive reports whether one of the schemas is, directly or through references,
// that of an enclosing value.
func (g *sampler) recursive(all ...*jsonschema.Schema) bool {
	return slices.ContainsFunc(all, func(s *jsonschema.Schema) bool {
		for range maxNesting {
			if s == nil || g.active[s] > 0 {
				break
			}
			s = s.Ref
		}
		return s != nil
	})
}

// given lists the values in the schemas, the most useful first.
func (g *sampler) given(all schemas, p place) []any {
	var list []any
	for _, s := range all {
		list = append(list, s.Examples...)
		if s.Default != nil && !slices.Contains([]string{"<nil>", "", "[]", "map[]"}, fmt.Sprint(*s.Default)) { // not empty
			list = append(list, *s.Default)
		}
		if s.Const != nil {
			list = append(list, *s.Const)
		}
		if s.Enum != nil && len(s.Enum.Values) > 0 {
			i := p.n % len(s.Enum.Values)
			values := slices.Concat(s.Enum.Values[i:], s.Enum.Values[:i])
			list = append(list, slices.DeleteFunc(values, func(v any) bool { return v == nil })...)
		}
	}
	return list
}

// types returns the order in which types are tried: first those that the keywords
// apply to, null last.
func types(all schemas) []string {
	names := []string{"string", "object", "array", "number", "boolean", "null"}
	for _, s := range all {
		switch {
		case s.Properties != nil || s.Required != nil || s.AdditionalProperties != nil || s.PatternProperties != nil:
			names = slices.Insert(names, 0, "object")
		case s.Items != nil || s.Items2020 != nil || s.PrefixItems != nil:
			names = slices.Insert(names, 0, "array")
		}
	}
	return names
}

func (g *sampler) ofType(name string, all schemas, p place) (any, bool) {
	switch name {
	case "object":
		return g.object(all, p)
	case "array":
		return g.array(all, p)
	case "string":
		return text(all, p)
	case "number":
		return number(all, p.n)
	case "boolean":
		return p.n%2 == 0, true
	}
	return nil, true
}
