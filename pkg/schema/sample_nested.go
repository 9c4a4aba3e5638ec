package schema

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// optional reports whether a value is made up where there need not be one.
func (g *sampler) optional(all schemas, p place) bool {
	return g.full && p.depth < optionalDepth && !g.recursive(all...)
}

func (g *sampler) object(all schemas, p place) (any, bool) {
	required, names, least := make(map[string]bool), make(map[string]bool), 0
	for _, s := range all {
		for _, name := range s.Required {
			required[name], names[name] = true, true
		}
		for name, property := range s.Properties {
			names[name] = names[name] || g.optional(schemas{property}, p)
		}
		if s.MinProperties != nil {
			least = max(least, *s.MinProperties)
		}
		if _, ok := s.AdditionalProperties.(*jsonschema.Schema); s.Properties == nil && (ok || s.PatternProperties != nil) && g.optional(property(all, "key1"), p) {
			least = max(least, 1) // a dictionary: an entry shows it
		}
	}
	object := make(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !names[name] {
			continue
		}
		if value, ok := g.value(property(all, name), place{name, p.n, p.depth + 1}); ok {
			object[name] = value
		} else if required[name] {
			return nil, false
		}
	}
	for i := 0; len(object) < least && i < maxMembers; i++ {
		name := g.name(all, place{"key", i, p.depth + 1})
		if value, ok := g.value(property(all, name), place{name, p.n, p.depth + 1}); ok {
			object[name] = value
		}
	}
	return object, true
}

// property lists the schemas that the property must fit.
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

// name makes up the name of a property that has none.
func (g *sampler) name(all schemas, p place) string {
	for _, s := range all {
		for _, e := range s.Extensions {
			if name, ok := g.value(schemas{e.(propertyNames).schema}, p); ok {
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
	least, most := 0, math.MaxInt
	for _, s := range all {
		if s.MinItems != nil {
			least = max(least, *s.MinItems)
		}
		if s.MaxItems != nil {
			most = min(most, *s.MaxItems)
		}
		if s.Contains != nil {
			least = max(least, 1)
		}
	}
	n := max(1, least)
	for _, s := range all {
		tuple, _ := s.Items.([]*jsonschema.Schema)
		n = max(n, len(tuple), len(s.PrefixItems))
	}
	items := []any{}
	for i := 0; i < min(n, most, maxMembers); i++ {
		list := item(all, i)
		if i >= least && !g.optional(list, p) {
			break
		}
		value, ok := g.value(list, place{p.name, i, p.depth + 1})
		if !ok {
			return items, i >= least
		}
		items = append(items, value)
	}
	return items, true
}

// item lists the schemas that the item must fit. The first is taken for what the
// list must contain.
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
		if s.Contains != nil && (i == 0 || s.MinContains != nil && i < *s.MinContains) {
			list = append(list, s.Contains)
		}
	}
	return list
}

// encode writes a value as JSON, with the members of objects in an order.
func encode(value any, order map[string]int) string {
	var parts []string
	switch v := value.(type) {
	case map[string]any:
		names := slices.Sorted(maps.Keys(v))
		slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(order[a], order[b]) })
		for _, name := range names {
			parts = append(parts, encode(name, nil)+":"+encode(v[name], order))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case []any:
		for _, item := range v {
			parts = append(parts, encode(item, order))
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(value) // a scalar that came from JSON
	return strings.TrimSuffix(b.String(), "\n")
}
