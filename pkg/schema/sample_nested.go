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

// names are those of the properties, and whether they must be there.
func (g *sampler) names(all schemas, p place) map[string]bool {
	names, least := make(map[string]bool), 0
	for _, s := range all {
		for name, property := range s.Properties {
			if g.optional(schemas{property}, p) {
				names[name] = false
			}
		}
		if s.MinProperties != nil {
			least = max(least, *s.MinProperties)
		}
		dictionary := s.Properties == nil && (s.PatternProperties != nil || property(schemas{s}, "key") != nil)
		if dictionary && g.optional(property(all, "key"), p) {
			least = max(least, 1) // an entry shows it
		}
	}
	for _, s := range all {
		for _, name := range s.Required {
			names[name] = true
		}
	}
	for i := 0; len(names) < least && i < maxMembers; i++ {
		names[g.name(all, place{"key", i, p.depth + 1})] = false
	}
	return names
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
		if s.PropertyNames != nil {
			if name, ok := g.value(schemas{s.PropertyNames}, p); ok {
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

// item lists the schemas that the item must fit.
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
