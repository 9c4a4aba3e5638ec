package schema

import (
	"encoding/json"
	"fmt"
	"iter"
	"sort"
)

// objects yields an object with the optional properties, then one without.
func (g *sampler) objects(flat []*node, depth, variant int) iter.Seq[any] {
	return func(yield func(any) bool) {
		for _, full := range []bool{true, false} {
			if v, ok := g.object(flat, full, depth, variant); ok && !yield(v) {
				return
			}
		}
	}
}

func (g *sampler) object(flat []*node, full bool, depth, variant int) (map[string]any, bool) {
	required := requiredNames(flat)
	names := make(map[string]any)
	for name := range required {
		names[name] = nil
	}
	if full && depth < optionalDepth {
		for _, s := range flat {
			for name := range s.Properties {
				names[name] = nil
			}
		}
	}
	object := make(map[string]any)
	var optional []string
	for _, name := range g.sorted(names) {
		schemas, allowed := property(flat, name)
		if !required[name] && (!allowed || g.anyRecursive(schemas)) {
			continue
		}
		value, ok := g.value(schemas, name, depth+1, variant)
		switch {
		case allowed && ok:
			object[name] = value
		case required[name]:
			return nil, false
		}
		if !required[name] {
			optional = append(optional, name)
		}
	}
	least, most := 0, maxMembers
	for _, s := range flat {
		if s.MinProperties != nil {
			least = max(least, *s.MinProperties)
		}
		if s.MaxProperties != nil {
			most = min(most, *s.MaxProperties)
		}
	}
	for len(object) > most && len(optional) > 0 {
		delete(object, optional[len(optional)-1])
		optional = optional[:len(optional)-1]
	}
	// An object without named properties is a dictionary: one entry shows it.
	if len(object) == 0 && full && depth < optionalDepth && isDictionary(flat) && most > 0 {
		g.extend(object, flat, max(least, 1), depth, variant)
		return object, len(object) >= least
	}
	return object, g.extend(object, flat, least, depth, variant)
}

// requiredNames are the names that must be there, those too that others ask
// for.
func requiredNames(flat []*node) map[string]bool {
	required := make(map[string]bool)
	for changed := true; changed; {
		before := len(required)
		for _, s := range flat {
			for _, name := range s.Required {
				required[name] = true
			}
			for _, d := range s.Dependencies {
				for _, name := range d.required {
					if required[d.trigger] || s.Properties[d.trigger] != nil {
						required[name] = true
					}
				}
			}
		}
		changed = len(required) > before
	}
	return required
}

// property lists the schemas that the property must fit, and whether it may be
// there at all.
func property(flat []*node, name string) (schemas []*node, allowed bool) {
	allowed = true
	for _, s := range flat {
		known := false
		if p := s.Properties[name]; p != nil {
			schemas, known = append(schemas, p), true
		}
		for _, p := range s.PatternProperties {
			if p.regexp.MatchString(name) {
				schemas, known = append(schemas, p.schema), true
			}
		}
		if known {
			continue
		}
		if additional := s.AdditionalProperties; additional != nil {
			schemas = append(schemas, additional)
			allowed = allowed && (additional.Bool == nil || *additional.Bool)
		}
	}
	return schemas, allowed
}

func isDictionary(flat []*node) bool {
	for _, s := range flat {
		if additional := s.AdditionalProperties; additional != nil && additional.Bool == nil || len(s.PatternProperties) > 0 {
			return true
		}
	}
	return false
}

// extend adds made-up properties until there are n.
func (g *sampler) extend(object map[string]any, flat []*node, n, depth, variant int) bool {
	if n > maxMembers {
		return false
	}
	for try := 0; len(object) < n && try < n+16; try++ {
		for _, name := range g.propertyNames(flat, depth, try) {
			if _, taken := object[name]; taken || len(object) >= n {
				continue
			}
			schemas, allowed := property(flat, name)
			if !allowed {
				continue
			}
			if value, ok := g.value(schemas, name, depth+1, variant+try); ok {
				object[name] = value
			}
		}
	}
	return len(object) >= n
}

// propertyNames makes up names that the schemas may allow.
func (g *sampler) propertyNames(flat []*node, depth, variant int) []string {
	var names []string
	for _, s := range flat {
		if s.PropertyNames != nil {
			if v, ok := g.value([]*node{s.PropertyNames}, "key", depth+1, variant); ok {
				if name, ok := v.(string); ok {
					names = append(names, name)
				}
			}
		}
		for _, p := range s.PatternProperties {
			if name, ok := match(p.regexp.String(), 2, variant); ok {
				names = append(names, name)
			}
		}
	}
	return append(names, fmt.Sprintf("key%d", variant+1))
}

// arrays yields an array with an item of each kind, then as short a one as is
// allowed.
func (g *sampler) arrays(flat []*node, hint string, depth, variant int) iter.Seq[any] {
	return func(yield func(any) bool) {
		for _, full := range []bool{true, false} {
			if v, ok := g.array(flat, full, hint, depth, variant); ok && !yield(v) {
				return
			}
		}
	}
}

func (g *sampler) array(flat []*node, full bool, hint string, depth, variant int) ([]any, bool) {
	least, most, fixed, wanted := 0, maxMembers, 0, 0
	unique := false
	var special []*node // contains
	for _, s := range flat {
		if s.MinItems != nil {
			least = max(least, *s.MinItems)
		}
		if s.MaxItems != nil {
			most = min(most, *s.MaxItems)
		}
		fixed = max(fixed, len(s.PrefixItems))
		unique = unique || s.UniqueItems
		if s.Contains != nil {
			special = append(special, s.Contains)
			k := 1
			if s.MinContains != nil {
				k = *s.MinContains
			}
			wanted = max(wanted, k)
		}
	}
	least = max(least, wanted)
	if least > most {
		return nil, false
	}
	n := least
	if full && depth < optionalDepth {
		n = min(max(least, fixed, 1), most)
	}
	items := []any{}
	seen := make(map[string]bool)
	for i := range n {
		schemas, allowed := item(flat, i)
		if i < least && i >= least-wanted {
			schemas = append(schemas, special...)
		}
		if i >= least && (!allowed || g.anyRecursive(schemas)) {
			break
		}
		value, ok := g.another(schemas, hint, depth, variant+i, unique, seen)
		switch {
		case allowed && ok:
			items = append(items, value)
		case i < least:
			return nil, false
		default:
			return items, true
		}
	}
	return items, true
}

// another makes up an item that is, where it must be, unlike those seen.
func (g *sampler) another(schemas []*node, hint string, depth, variant int, unique bool, seen map[string]bool) (any, bool) {
	const tries = 16
	for range tries {
		value, ok := g.value(schemas, hint, depth+1, variant)
		if !ok || !unique {
			return value, ok
		}
		doc, err := json.Marshal(value)
		if err != nil {
			return nil, false
		}
		if !seen[string(doc)] {
			seen[string(doc)] = true
			return value, true
		}
		variant++
	}
	return nil, false
}

// item lists the schemas that the item must fit, and whether it may be there at
// all.
func item(flat []*node, i int) (schemas []*node, allowed bool) {
	allowed = true
	for _, s := range flat {
		switch {
		case i < len(s.PrefixItems):
			schemas = append(schemas, s.PrefixItems[i])
		case s.Items != nil:
			schemas = append(schemas, s.Items)
		}
	}
	for _, s := range schemas {
		allowed = allowed && (s.Bool == nil || *s.Bool)
	}
	return schemas, allowed
}

func (g *sampler) anyRecursive(schemas []*node) bool {
	for _, s := range schemas {
		if g.recursive(s) {
			return true
		}
	}
	return false
}

// sorted lists an object's names in the schema's order, then by name.
func (g *sampler) sorted(object map[string]any) []string {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		a, aKnown := g.rank[names[i]]
		b, bKnown := g.rank[names[j]]
		if aKnown && bKnown {
			return a < b
		}
		if aKnown != bKnown {
			return aKnown
		}
		return names[i] < names[j]
	})
	return names
}
