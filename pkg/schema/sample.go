package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"sort"
)

// The limits of what is made up. Whether any value fits a schema is hard to
// tell in general; a sample is looked for where authors of schemas would, and
// no longer than this.
const (
	maxSteps   = 20_000  // subschemas looked at
	maxBytes   = 1 << 20 // of all strings together
	maxDepth   = 64      // nested values
	maxMembers = 1000    // items or extra properties of one value
	// Optional properties and items are filled in down to this depth.
	optionalDepth = 6
)

// Sample makes up a value that fits the schema: the same one every time, with
// optional properties too, so that it shows the whole shape. Examples and
// defaults of the schema are used where they fit. The value is checked with
// Validate before it is returned. It is an error when none was found, which
// does not mean that there is none.
func (s *Schema) Sample() (json.RawMessage, error) {
	// What is made up has the right format also where the draft takes it as a
	// mere remark, if there is such a value.
	for _, formats := range []bool{true, false} {
		g := &sampler{steps: maxSteps, bytes: maxBytes, rank: s.rank, active: make(map[*node]int)}
		g.evaluator = newEvaluator(s.program, formats)
		value, ok := g.value([]*node{s.program.root}, "value", 0, 0)
		if !ok {
			continue
		}
		doc, err := g.encode(value)
		if err != nil {
			continue
		}
		if violations, err := s.Validate(doc); err == nil && len(violations) == 0 {
			return doc, nil
		}
	}
	return nil, errors.New("no sample was found that fits the schema")
}

// sampler looks for one sample.
type sampler struct {
	steps  int
	bytes  int
	rank   map[string]int
	active map[*node]int // schemas of the values that are being made

	evaluator *evaluator
}

// value makes up a value that fits all the schemas. hint is the name that the
// value will have. A variant above 0 asks for another value than 0 gives.
func (g *sampler) value(all []*node, hint string, depth, variant int) (value any, ok bool) {
	if depth > maxDepth {
		return nil, false
	}
	ok = g.expand(all, nil, variant, func(flat []*node) bool {
		for _, s := range flat {
			g.active[s]++
		}
		defer func() {
			for _, s := range flat {
				g.active[s]--
			}
		}()
		for candidate := range g.candidates(flat, hint, depth, variant) {
			if g.steps--; g.steps < 0 {
				return false
			}
			if g.fits(candidate, all) {
				value = candidate
				return true
			}
		}
		return false
	})
	return value, ok
}

func (g *sampler) fits(value any, all []*node) bool {
	for _, s := range all {
		if !g.evaluator.evaluate(s, value, &path{}, nil, nil) {
			return false
		}
	}
	return true
}

// format is the format that the schema asks for, nil for none.
func (g *sampler) format(s *node) *format {
	if s.FormatAsserted || g.evaluator.formats {
		return s.Format
	}
	return nil
}

// expand follows references and allOf, and picks one branch of each
// alternative, until try is content with the list of schemas that this makes.
func (g *sampler) expand(todo, flat []*node, variant int, try func([]*node) bool) bool {
	if g.steps--; g.steps < 0 {
		return false
	}
	if len(todo) == 0 {
		return try(flat)
	}
	s, todo := todo[0], todo[1:]
	if slices.Contains(flat, s) {
		return g.expand(todo, flat, variant, try)
	}
	if s.Bool != nil && !*s.Bool {
		return false
	}
	next := slices.Concat(references(s), s.AllOf, todo)
	for _, d := range s.Dependencies {
		if d.schema != nil && slices.Contains(s.Required, d.trigger) {
			next = append(next, d.schema)
		}
	}
	var groups [][][]*node
	for _, branches := range [][]*node{s.AnyOf, s.OneOf} {
		if len(branches) > 0 {
			groups = append(groups, g.branches(branches, variant))
		}
	}
	if s.If != nil {
		groups = append(groups, [][]*node{present(s.If, s.Then), present(s.Else)})
	}
	return g.choose(groups, next, slices.Concat(flat, []*node{s}), variant, try)
}

func (g *sampler) choose(groups [][][]*node, todo, flat []*node, variant int, try func([]*node) bool) bool {
	if len(groups) == 0 {
		return g.expand(todo, flat, variant, try)
	}
	for _, branch := range groups[0] {
		if g.choose(groups[1:], slices.Concat(todo, branch), flat, variant, try) {
			return true
		}
	}
	return false
}

// branches orders alternatives: those that say much before null, and before
// those that lead back to where we are.
func (g *sampler) branches(list []*node, variant int) [][]*node {
	weight := func(s *node) int {
		switch {
		case g.recursive(s):
			return 2
		case s.Types == nullType:
			return 1
		}
		return 0
	}
	ordered := rotate(list, variant)
	sort.SliceStable(ordered, func(i, j int) bool { return weight(ordered[i]) < weight(ordered[j]) })
	var groups [][]*node
	for _, s := range ordered {
		groups = append(groups, []*node{s})
	}
	return groups
}

// references are the schemas that s names. A dynamic reference is taken at its
// face value; the check at the end tells whether that was right.
func references(s *node) []*node {
	list := present(s.Ref, s.RecursiveRef)
	if s.DynamicRef != nil {
		list = append(list, s.DynamicRef.Ref)
	}
	return list
}

// recursive reports whether s is, by itself or through references, a schema of
// a value that is being made.
func (g *sampler) recursive(s *node) bool {
	seen := make(map[*node]bool)
	var visit func(*node) bool
	visit = func(s *node) bool {
		if seen[s] {
			return false
		}
		seen[s] = true
		return g.active[s] > 0 || slices.ContainsFunc(references(s), visit)
	}
	return visit(s)
}

// candidates are values worth a try, the best first.
func (g *sampler) candidates(flat []*node, hint string, depth, variant int) iter.Seq[any] {
	return func(yield func(any) bool) {
		for _, s := range flat {
			if s.Const != nil {
				yield(*s.Const)
				return
			}
		}
		for _, s := range flat {
			for _, example := range s.Examples[min(variant, len(s.Examples)):] {
				if !yield(example) {
					return
				}
			}
		}
		for _, s := range flat {
			if s.Default != nil && variant == 0 && telling(*s.Default) && !yield(*s.Default) {
				return
			}
		}
		for _, s := range flat {
			if s.Enum == nil {
				continue
			}
			for _, v := range nullLast(rotate(s.Enum, variant)) {
				if !yield(v) {
					return
				}
			}
			return
		}
		for _, name := range g.types(flat) {
			for v := range g.ofType(name, flat, hint, depth, variant) {
				if !yield(v) {
					return
				}
			}
		}
		for _, s := range flat {
			if s.Default != nil && !yield(*s.Default) {
				return
			}
		}
	}
}

func (g *sampler) ofType(name string, flat []*node, hint string, depth, variant int) iter.Seq[any] {
	switch name {
	case "object":
		return g.objects(flat, depth, variant)
	case "array":
		return g.arrays(flat, hint, depth, variant)
	case "string":
		return g.strings(flat, hint, variant)
	case "integer":
		return numbers(flat, true, variant)
	case "number":
		return numbers(flat, false, variant)
	case "boolean":
		return slices.Values([]any{variant%2 == 0, variant%2 != 0})
	}
	return slices.Values([]any{nil})
}

// typeOrder is the order in which types are tried: what shows most first.
var typeOrder = []string{"object", "array", "string", "integer", "number", "boolean", "null"}

// types lists the types that every schema allows. Where no schema names one,
// those come first that the keywords are about.
func (g *sampler) types(flat []*node) []string {
	var allowed, about []string
	for _, name := range typeOrder {
		ok, topic, named, typed := true, false, false, false
		for _, s := range flat {
			if s.Types != 0 {
				t := typeNamed(name)
				typed, named = true, named || s.Types&t != 0
				ok = ok && (s.Types&t != 0 || t == integerType && s.Types&numberType != 0)
			}
			topic = topic || g.isAbout(s, name)
		}
		// An integer is a number too, but not where one says "number".
		ok = ok && (named || !typed)
		switch {
		case ok && topic:
			about = append(about, name)
		case ok:
			allowed = append(allowed, name)
		}
	}
	// A value of no stated kind is most plausibly a string.
	if i := slices.Index(allowed, "string"); i > 0 && len(allowed) > 2 {
		allowed = slices.Concat([]string{"string"}, allowed[:i], allowed[i+1:])
	}
	return append(about, allowed...)
}

func (g *sampler) isAbout(s *node, name string) bool {
	switch name {
	case "object":
		return len(s.Properties) > 0 || len(s.Required) > 0 || len(s.PatternProperties) > 0 || s.AdditionalProperties != nil || s.MinProperties != nil || s.PropertyNames != nil
	case "array":
		return s.Items != nil || len(s.PrefixItems) > 0 || s.MinItems != nil || s.Contains != nil || s.UniqueItems
	case "string":
		return s.MinLength != nil || s.MaxLength != nil || s.Pattern != nil || g.format(s) != nil
	case "integer", "number":
		return s.Minimum != nil || s.Maximum != nil || s.ExclusiveMinimum != nil || s.ExclusiveMaximum != nil || s.MultipleOf != nil
	}
	return false
}

// telling reports whether a default shows a shape: null and the empty ones do
// not.
func telling(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return true
}

func nullLast(list []any) []any {
	sort.SliceStable(list, func(i, j int) bool { return list[i] != nil && list[j] == nil })
	return list
}

func rotate[T any](list []T, n int) []T {
	if len(list) == 0 {
		return nil
	}
	n %= len(list)
	return slices.Concat(list[n:], list[:n])
}

func present(list ...*node) []*node {
	return slices.DeleteFunc(list, func(s *node) bool { return s == nil })
}

// encode writes the value with the members of objects in the schema's order.
func (g *sampler) encode(value any) (json.RawMessage, error) {
	var b bytes.Buffer
	if err := g.write(&b, value); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (g *sampler) write(b *bytes.Buffer, value any) error {
	switch v := value.(type) {
	case map[string]any:
		b.WriteByte('{')
		for i, name := range g.sorted(v) {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := g.write(b, name); err != nil {
				return err
			}
			b.WriteByte(':')
			if err := g.write(b, v[name]); err != nil {
				return err
			}
		}
		b.WriteByte('}')
		return nil
	case []any:
		b.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := g.write(b, item); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	}
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // the newline
	return nil
}
