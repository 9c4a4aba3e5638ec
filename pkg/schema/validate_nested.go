package schema

import (
	"iter"
	"maps"
	"slices"
)

func (f *frame) object(object map[string]any) bool {
	n, ok := f.node, true
	if n.MinProperties != nil && len(object) < *n.MinProperties {
		ok = f.fail("minProperties")
	}
	if n.MaxProperties != nil && len(object) > *n.MaxProperties {
		ok = f.fail("maxProperties")
	}
	for _, name := range n.Required {
		if _, there := object[name]; !there {
			ok = f.report(problem{keyword: "required", name: name})
		}
	}
	ok = f.goesOn(ok) && f.dependencies(object) && ok
	ok = f.goesOn(ok) && f.properties(object) && ok
	return f.goesOn(ok) && f.propertyNames(object) && ok
}

func (f *frame) dependencies(object map[string]any) bool {
	ok := true
	for _, d := range f.node.Dependencies {
		if _, there := object[d.trigger]; !there {
			continue
		}
		for _, name := range d.required {
			if _, there := object[name]; !there {
				ok = f.report(problem{keyword: "dependentRequired", name: name, trigger: d.trigger})
			}
		}
		if d.schema != nil {
			ok = f.goesOn(ok) && f.inPlace(d.schema) && ok
		}
	}
	return ok
}

// names lists the names of an object, in an order that is the same each time
// where problems are asked for.
func (f *frame) names(object map[string]any) iter.Seq[string] {
	if f.found == nil {
		return maps.Keys(object)
	}
	return slices.Values(slices.Sorted(maps.Keys(object)))
}

func (f *frame) properties(object map[string]any) bool {
	n, ok := f.node, true
	if n.Properties == nil && n.PatternProperties == nil && n.AdditionalProperties == nil {
		return true
	}
	for name := range f.names(object) {
		if !f.property(name, object[name]) {
			ok = false
		}
		if !f.goesOn(ok) {
			return false
		}
	}
	return ok
}

func (f *frame) property(name string, value any) bool {
	n, ok, known := f.node, true, false
	var at *path
	apply := func(s *node) {
		if at == nil {
			at = f.at.member(name)
		}
		ok = f.e.evaluate(s, value, at, nil, f.found) && ok
		known = true
	}
	if s := n.Properties[name]; s != nil {
		apply(s)
	}
	for _, p := range n.PatternProperties {
		if p.regexp.MatchString(name) {
			apply(p.schema)
		}
	}
	if s := n.AdditionalProperties; s != nil && !known {
		if s.Bool != nil && !*s.Bool {
			f.seen.addProperty(name)
			return f.report(problem{keyword: "additionalProperties", at: f.at.member(name)})
		}
		apply(s)
	}
	if known {
		f.seen.addProperty(name)
	}
	return ok
}

func (f *frame) propertyNames(object map[string]any) bool {
	ok := true
	if f.node.PropertyNames == nil {
		return true
	}
	for name := range f.names(object) {
		var list *[]problem
		if f.found != nil {
			list = new([]problem)
		}
		// A path of its own: the name is another value than the object.
		if f.e.evaluate(f.node.PropertyNames, name, f.at.member(name), nil, list) {
			continue
		}
		if list == nil {
			return false
		}
		ok = f.report(problem{keyword: "propertyNames", name: name, below: *list})
	}
	return ok
}

func (f *frame) array(items []any) bool {
	n, ok := f.node, true
	if n.MinItems != nil && len(items) < *n.MinItems {
		ok = f.fail("minItems")
	}
	if n.MaxItems != nil && len(items) > *n.MaxItems {
		ok = f.fail("maxItems")
	}
	if n.UniqueItems && f.goesOn(ok) {
		if i, j, found := duplicate(items); found {
			ok = f.report(problem{keyword: "uniqueItems", items: [2]int{i, j}})
		}
	}
	ok = f.goesOn(ok) && f.items(items) && ok
	return f.goesOn(ok) && (n.Contains == nil || f.contains(items)) && ok
}

func (f *frame) items(items []any) bool {
	n, ok := f.node, true
	for i, value := range items {
		s := n.Items
		if i < len(n.PrefixItems) {
			s = n.PrefixItems[i]
		}
		if s == nil {
			break
		}
		ok = f.e.evaluate(s, value, f.at.item(i), nil, f.found) && ok
		if !f.goesOn(ok) {
			return false
		}
	}
	f.seen.addFirst(len(n.PrefixItems), n.Items != nil)
	return ok
}

func (f *frame) contains(items []any) bool {
	n, count := f.node, 0
	for i, value := range items {
		if !f.e.evaluate(n.Contains, value, f.at.item(i), nil, nil) {
			continue
		}
		count++
		if n.resource.dialect.version >= 2020 {
			f.seen.addItem(i)
		}
	}
	least := 1
	if n.MinContains != nil {
		least = *n.MinContains
	}
	ok := true
	if count < least {
		ok = f.report(problem{keyword: "minContains", items: [2]int{least, count}})
	}
	if n.MaxContains != nil && count > *n.MaxContains {
		ok = f.report(problem{keyword: "maxContains", items: [2]int{*n.MaxContains, count}})
	}
	return ok
}

// unevaluated applies the keywords for what no other keyword was about, here or
// in a schema that was evaluated in place.
func (f *frame) unevaluated() bool {
	n, ok := f.node, true
	if object, is := f.value.(map[string]any); is && n.UnevaluatedProperties != nil {
		for name := range f.names(object) {
			if !f.seen.property(name) {
				ok = f.e.evaluate(n.UnevaluatedProperties, object[name], f.at.member(name), nil, f.found) && ok
			}
		}
		f.seen.allProperties = true
	}
	if items, is := f.value.([]any); is && n.UnevaluatedItems != nil {
		for i, item := range items {
			if !f.seen.item(i) {
				ok = f.e.evaluate(n.UnevaluatedItems, item, f.at.item(i), nil, f.found) && ok
			}
		}
		f.seen.allItems = true
	}
	return ok
}
