package schema

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The limits of what is made up. Whether any value fits a schema is hard to
// tell in general; a sample is looked for where authors of schemas would, and
// no longer than this.
const (
	maxTurns   = 4      // choices of alternatives
	maxValues  = 20_000 // made up, nested ones too
	maxNesting = 64
	maxMembers = 1000   // items or properties of one value
	maxText    = 10_000 // characters
	// Optional properties and items are filled in down to this depth.
	optionalDepth = 6
)

// sampler makes up one value.
type sampler struct {
	full   bool // with optional properties and items
	turn   int  // which alternatives are picked
	values int  // made so far
	active map[*jsonschema.Schema]int
}

// schemas are those that one value must fit together.
type schemas []*jsonschema.Schema

// place is what a value is made up for.
type place struct {
	name  string // of the property
	n     int    // in the list around it
	depth int
}

// Sample makes up a value that fits the schema: the same one every time, with
// optional properties too, so that it shows the whole shape. Examples and
// defaults of the schema are used where they fit. It is an error when none was
// found, which does not mean that there is none.
func (s *Schema) Sample() (doc json.RawMessage, err error) {
	// What is made up has the right format also where the draft takes it as a
	// mere remark, if there is such a value.
	c := s.guard.newCompiler(true)
	// What zod calls a time has no offset; its pattern says so.
	c.RegisterFormat(&jsonschema.Format{Name: "time", Validate: func(any) error { return nil }})
	strict, err := s.compile(c)
	if err != nil {
		return nil, err
	}
	err = s.guard.run(maxSearch, func() {
		g := &sampler{active: make(map[*jsonschema.Schema]int)}
		for attempt := 0; doc == nil && attempt < 4*maxTurns; attempt++ {
			root := schemas{strict, s.root}[attempt/maxTurns%2]
			g.full, g.turn = attempt < 2*maxTurns, attempt%maxTurns
			value, _ := g.value(schemas{root}, place{name: "value"})
			if s.root.Validate(value) == nil {
				doc = []byte(encode(value, s.order))
			}
		}
	})
	if err == nil && doc == nil {
		err = errors.New("no sample was found that fits the schema")
	}
	return doc, err
}

// value makes up a value that fits all the schemas.
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
		if all.fit(value) {
			return value, true
		}
	}
	for _, name := range types(wider) {
		if value, ok := g.ofType(name, wider, p); ok && all.fit(value) {
			return value, true
		}
	}
	return nil, false
}

func (all schemas) fit(value any) bool {
	return !slices.ContainsFunc(all, func(s *jsonschema.Schema) bool { return s.Validate(value) != nil })
}

// applying adds the schemas that apply at the same place: those that are
// referred to, those of allOf, and one of each list of alternatives.
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

// pick is the alternative that is tried: first those that say much, then null,
// then those that lead back to where we are.
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

// recursive reports whether one of the schemas is, by itself or through
// references, that of a value that is being made.
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

// given are the values that the schemas name, the best first.
func (g *sampler) given(all schemas, p place) []any {
	var list []any
	for _, s := range all {
		list = append(list, s.Examples...)
		// An empty default does not show what there may be.
		if s.Default != nil && !slices.Contains([]string{"null", `""`, "[]", "{}"}, encode(*s.Default, nil)) {
			list = append(list, *s.Default)
		}
		if s.Const != nil {
			list = append(list, *s.Const)
		}
		if s.Enum != nil && len(s.Enum.Values) > 0 {
			i := p.n % len(s.Enum.Values)
			words := slices.Concat(s.Enum.Values[i:], s.Enum.Values[:i])
			list = append(list, slices.DeleteFunc(words, func(v any) bool { return v == nil })...)
		}
	}
	return list
}

// types is the order in which types are tried: those first that the keywords are
// about, and null last.
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
