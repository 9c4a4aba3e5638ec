package schema

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// optional reports whether to generate a value that is not required.
func (g *sampler) optional(all schemas, p place) bool {
	return g.full && p.depth < optionalDepth && !g.recursive(all...)
}

func (g *sampler) object(all schemas, p place) (any, bool) {
	names := g.names(all, p)
	object := make(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		value, ok := g.value(property(all, name), place{name, p.n, p.depth + 1})
		if ok {
			object[name] = value
		} else if required := names[name]; required {
			return nil, false
		}
	}
	return object, true
}

// names returns the names of the properties, and whether they are required.
func (g *sampler) names(all schemas, p place) map[string]bool {
	names, minimum := make(map[string]bool), 0
	for _, s := range all {
		for name, property := range s.Properties {
			if g.optional(schemas{property}, p) {
				names[name] = false
			}
		}
		if s.MinProperties != nil {
			minimum = max(minimum, *s.MinProperties)
		}
		dictionary := s.Properties == nil && (s.PatternProperties != nil || property(schemas{s}, "key") != nil)
		if dictionary && g.optional(property(all, "key"), p) {
			minimum = max(minimum, 1) // show one entry
		}
	}
	for _, s := range all {
		for _, name := range s.Required {
			names[name] = true
		}
	}
	for i := 0; len(names) < minimum && i < maxMembers; i++ {
		names[g.name(all, place{"key", i, p.depth + 1})] = false
	}
	return names
}

// property lists the schemas that the property must match.
func property(all schemas, name string) schemas {
	var list schemas
	for _, s := range all {
		before := len(list)
		if property := s.Properties[name]; property != nil {
			list = append(list, property)
		}
		for re, property := range s.PatternProperties {
			if re.MatchString(name) {
				list = append(list, property)
			}
		}
		if additional, ok := s.AdditionalProperties.(*jsonschema.Schema); ok && len(list) == before {
			list = append(list, additional)
		}
	}
	return list
}

// name generates the name of a property.
func (g *sampler) name(all schemas, p place) string {
	for _, s := range all {
		if names := stepOf(s).names; names != nil {
			if name, ok := g.value(schemas{names}, p); ok {
				return fmt.Sprint(name)
			}
		}
		for re := range s.PatternProperties {
			for _, name := range matches(re.String(), p.n) {
				return name
			}
		}
	}
	return fmt.Sprintf("key%d", p.n+1)
}

func (g *sampler) array(all schemas, p place) (any, bool) {
	minimum, maximum := 0, math.MaxInt
	for _, s := range all {
		if s.MinItems != nil {
			minimum = max(minimum, *s.MinItems)
		}
		if s.MaxItems != nil {
			maximum = min(maximum, *s.MaxItems)
		}
	}
	n := max(1, minimum)
	for _, s := range all {
		tuple, _ := s.Items.([]*jsonschema.Schema)
		n = max(n, len(tuple), len(s.PrefixItems))
	}
	items := []any{}
	for i := 0; i < min(n, maximum, maxMembers); i++ {
		list := item(all, i)
		if i >= minimum && !g.optional(list, p) {
			break
		}
		value, ok := g.value(list, place{p.name, i, p.depth + 1})
		if !ok {
			return items, i >= minimum
		}
		items = append(items, value)
	}
	return items, true
}

// item lists the schemas that the item must match.
func item(all schemas, i int) schemas {
	var list schemas
	for _, s := range all {
		tuple, isTuple := s.Items.([]*jsonschema.Schema)
		rest, _ := s.Items.(*jsonschema.Schema)
		if isTuple {
			rest, _ = s.AdditionalItems.(*jsonschema.Schema)
		}
		if s.DraftVersion >= 2020 {
			tuple, rest = s.PrefixItems, s.Items2020
		}
		switch {
		case i < len(tuple):
			list = append(list, tuple[i])
		case rest != nil:
			list = append(list, rest)
		}
	}
	return list
}
