package schema

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// applying are s and the schemas that apply at the same place: those that it
// refers to, those of allOf, and one of each list of alternatives.
func (g *sampler) applying(s *jsonschema.Schema, trail []step) []*jsonschema.Schema {
	list := []*jsonschema.Schema{s}
	for i := 0; i < len(list); i++ {
		next := slices.Concat(references(list[i]), list[i].AllOf)
		for _, alternatives := range [][]*jsonschema.Schema{list[i].AnyOf, list[i].OneOf} {
			if len(alternatives) > 0 {
				next = append(next, alternatives[g.pick(alternatives, trail)])
			}
		}
		list = appendNew(list, next...)
	}
	return list
}

func appendNew(list []*jsonschema.Schema, more ...*jsonschema.Schema) []*jsonschema.Schema {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// pick is the index of the alternative that is tried: first those that say much,
// then null, then those that lead back to where we are.
func (g *sampler) pick(alternatives []*jsonschema.Schema, trail []step) int {
	var ranked [3][]int
	for i, s := range alternatives {
		rank := 0
		switch {
		case recursive(s, trail):
			rank = 2
		case s.Types != nil && s.Types.String() == "[null]":
			rank = 1
		}
		ranked[rank] = append(ranked[rank], i)
	}
	return slices.Concat(ranked[:]...)[g.turn%len(alternatives)]
}

// recursive reports whether s is, by itself or through references, a schema of
// a value that is being made.
func recursive(s *jsonschema.Schema, trail []step) bool {
	list := []*jsonschema.Schema{s}
	for i := 0; i < len(list); i++ {
		if slices.ContainsFunc(trail, func(s step) bool { return strings.HasPrefix(s.location+"/", list[i].Location+"/") }) {
			return true
		}
		list = appendNew(list, references(list[i])...)
	}
	return false
}

func (g *sampler) pickType(names []string) string {
	order := []string{"object", "array", "string", "number", "integer", "boolean", "null"}
	order = slices.DeleteFunc(order, func(name string) bool { return !slices.Contains(names, name) })
	return order[g.turn%len(order)]
}

// copied is a value of the schema that may be changed.
func copied(value any) any {
	value, _, _ = decode([]byte((&Schema{}).encode(value)), false)
	return value
}

// seed makes a first value for a place that all these schemas apply to. It need
// not be of the right type.
func (g *sampler) seed(all []*jsonschema.Schema, at []string, trail []step) any {
	name := "string"
	for _, s := range all {
		given := slices.Clone(s.Examples)
		if s.Default != nil && *s.Default != nil && !reflect.ValueOf(*s.Default).IsZero() {
			given = append(given, *s.Default)
		}
		for _, value := range given {
			if s.Validate(value) == nil {
				return copied(value)
			}
		}
		switch {
		case s.Properties != nil || s.Required != nil || s.AdditionalProperties != nil:
			name = "object"
		case s.Items != nil || s.Items2020 != nil || s.PrefixItems != nil:
			name = "array"
		}
	}
	return g.ofType(name, all, at, trail)
}

func (g *sampler) ofType(name string, all []*jsonschema.Schema, at []string, trail []step) any {
	_, n := g.hint(at)
	switch name {
	case "object":
		return g.object(all, at, trail)
	case "array":
		return g.array(all, at, trail)
	case "string":
		return g.text(all, at)
	case "number":
		return json.Number(fmt.Sprintf("%d.5", n+1))
	case "integer":
		return json.Number(fmt.Sprint(n + 1))
	case "boolean":
		return n%2 == 0
	}
	return nil
}

// object has the properties that need not be there; that others are missing is
// found by the check.
func (g *sampler) object(all []*jsonschema.Schema, at []string, trail []step) any {
	object := make(map[string]any)
	for _, s := range all {
		if !g.full || len(at) >= optionalDepth {
			break
		}
		for name, property := range s.Properties {
			if !recursive(property, trail) {
				object[name] = hole{}
				g.holes++
			}
		}
		// An object without named properties is a dictionary: one entry shows it.
		other, ok := s.AdditionalProperties.(*jsonschema.Schema)
		if s.Properties == nil && (ok && !recursive(other, trail) || s.PatternProperties != nil) {
			object[newName(s, 0)] = hole{}
		}
	}
	return object
}

// array has an item of each kind.
func (g *sampler) array(all []*jsonschema.Schema, at []string, trail []step) any {
	n := 1
	for _, s := range all {
		tuple, _ := s.Items.([]*jsonschema.Schema)
		n = max(n, len(s.PrefixItems), len(tuple))
		list, _ := s.Items.(*jsonschema.Schema)
		for _, s := range []*jsonschema.Schema{s.Items2020, list} {
			if s != nil && recursive(s, trail) {
				return []any{}
			}
		}
	}
	if !g.full || len(at) >= optionalDepth {
		n = 0
	}
	return g.grow([]any{}, n)
}
