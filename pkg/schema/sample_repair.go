package schema

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// step is a schema on the way to an error, and how deep in the value it applies.
type step struct {
	location string
	depth    int
}

// repair changes the value so that the error is gone, or another one is left.
func (g *sampler) repair(err *jsonschema.ValidationError, trail []step) {
	at, s := err.InstanceLocation, g.schemas[err.SchemaURL]
	if s == nil { // it is reached by a dynamic anchor only
		return
	}
	trail = append(slices.Clip(trail), step{err.SchemaURL, len(at)})
	switch k := err.ErrorKind.(type) {
	case *kind.Reference:
		trail = append(trail, step{k.URL, len(at)})
		g.repairEach(err.Causes, trail)
	case *kind.Schema, *kind.Group, *kind.AllOf:
		g.repairEach(err.Causes, trail)
	case *kind.AnyOf:
		g.repair(err.Causes[g.pick(s.AnyOf, trail)], trail)
	case *kind.OneOf:
		if k.Subschemas == nil {
			g.repair(err.Causes[g.pick(s.OneOf, trail)], trail)
			return
		}
		g.other(at)
	case *kind.Contains:
		g.repairContains(err, 0, 1, trail)
	case *kind.MinContains:
		g.repairContains(err, len(k.Got), k.Want, trail)
	default:
		g.repairLeaf(err, s, trail)
	}
}

func (g *sampler) repairEach(list []*jsonschema.ValidationError, trail []step) {
	for _, err := range list {
		g.repair(err, trail)
	}
}

// repairContains is for a list with too few items of a kind.
func (g *sampler) repairContains(err *jsonschema.ValidationError, matched, want int, trail []step) {
	if n := len(err.Causes); matched+n >= want {
		g.repair(err.Causes[n-1], trail)
		return
	}
	g.change(err.InstanceLocation, func(old any) any { return g.grow(old.([]any), matched+len(err.Causes)+1) })
}

func (g *sampler) repairLeaf(err *jsonschema.ValidationError, s *jsonschema.Schema, trail []step) {
	at := err.InstanceLocation
	// What else applies to the place is found from the first schema about it.
	outer := trail[slices.IndexFunc(trail, func(s step) bool { return s.depth == len(at) })].location
	all := g.applying(cmp.Or(g.schemas[outer], s), trail)
	switch k := err.ErrorKind.(type) {
	case *kind.Type:
		g.set(at, g.ofType(g.pickType(k.Want), all, at, trail))
	case *kind.Const:
		g.set(at, copied(k.Want))
	case *kind.Enum:
		words := slices.DeleteFunc(slices.Clone(k.Want), func(v any) bool { return v == nil })
		_, n := g.hint(at)
		g.set(at, copied(append(words, nil)[n%max(1, len(words))]))
	case *kind.Format, *kind.Pattern, *kind.MinLength, *kind.MaxLength:
		g.set(at, g.text(all, at))
	case *kind.FalseSchema:
		g.set(at, gone{})
	case *kind.Not:
		g.other(at)
	default:
		g.change(at, func(old any) any {
			switch old := old.(type) {
			case hole:
				return g.seed(all, at, trail)
			case map[string]any:
				g.repairObject(err, s, old, trail)
			case []any:
				return g.repairArray(err, old)
			case json.Number:
				return g.repairNumber(err, s, all, old)
			}
			return old
		})
	}
}

// other puts a value of another kind at a place.
func (g *sampler) other(at []string) {
	others := []any{json.Number("-1"), "", map[string]any{}, []any{}, true, nil, json.Number("0")}
	g.set(at, others[g.bump%len(others)])
	g.bump++
}

func (g *sampler) repairObject(err *jsonschema.ValidationError, s *jsonschema.Schema, object map[string]any, trail []step) {
	add := func(names ...string) {
		for _, name := range names {
			if _, ok := object[name]; !ok {
				object[name] = hole{}
				g.holes++
			}
		}
	}
	switch k := err.ErrorKind.(type) {
	case *kind.Required:
		add(k.Missing...)
	case *kind.DependentRequired:
		add(k.Missing...)
	case *kind.Dependency:
		add(k.Missing...)
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			delete(object, name)
		}
	case *kind.MinProperties:
		for i := 0; len(object) < min(k.Want, maxMembers) && i < 2*maxMembers; i++ {
			add(newName(s, i))
		}
	case *kind.MaxProperties:
		for _, name := range slices.Backward(slices.Sorted(maps.Keys(object))) {
			if len(object) > k.Want && !slices.Contains(s.Required, name) {
				delete(object, name)
			}
		}
	case *badName:
		name := g.seed(g.applying(k.schema, trail), []string{"key", fmt.Sprint(len(object) - 1)}, trail)
		if delete(object, k.Property); name != nil {
			add(fmt.Sprint(name))
		}
	}
}

// newName makes up the name of a property that has none.
func newName(s *jsonschema.Schema, i int) string {
	var names []string
	for re := range s.PatternProperties {
		names = append(names, matches(re.String(), i)...)
	}
	if len(names) > 0 {
		return slices.Min(names)
	}
	return fmt.Sprintf("key%d", i+1)
}

func (g *sampler) repairArray(err *jsonschema.ValidationError, items []any) any {
	switch k := err.ErrorKind.(type) {
	case *kind.MinItems:
		return g.grow(items, k.Want)
	case *kind.MaxItems:
		return items[:k.Want]
	case *kind.AdditionalItems:
		return items[:len(items)-k.Count]
	case *kind.UniqueItems:
		items[k.Duplicates[1]] = hole{}
		g.bump++
	}
	return items
}

func (g *sampler) grow(items []any, n int) []any {
	for len(items) < min(n, maxMembers) {
		items = append(items, hole{})
		g.holes++
	}
	return items
}

// repairNumber moves a number to where a keyword wants it: to the nth such place
// for the nth item of a list.
func (g *sampler) repairNumber(err *jsonschema.ValidationError, s *jsonschema.Schema, all []*jsonschema.Schema, old json.Number) any {
	_, n := g.hint(err.InstanceLocation)
	nth, one := big.NewRat(int64(n), 1), big.NewRat(1, 1)
	low, high := cmp.Or(s.Minimum, s.ExclusiveMinimum), cmp.Or(s.Maximum, s.ExclusiveMaximum)
	v, _ := new(big.Rat).SetString(string(old))
	switch k := err.ErrorKind.(type) {
	case *kind.Minimum:
		v.Add(k.Want, nth)
	case *kind.Maximum:
		v.Sub(k.Want, nth)
	case *kind.ExclusiveMinimum:
		v.Add(k.Want, nth.Add(nth, one))
	case *kind.ExclusiveMaximum:
		v.Sub(k.Want, nth.Add(nth, one))
	case *kind.MultipleOf:
		up := g.turn%2 == 0 && (low != nil || high == nil)
		v.Quo(v, k.Want)
		v.SetInt(new(big.Int).Div(v.Num(), v.Denom())) // rounded down
		if up {
			v.Add(v, one)
		}
		return json.Number(decimal(v.Mul(v, k.Want)))
	}
	integer := slices.ContainsFunc(all, func(s *jsonschema.Schema) bool {
		return s.MultipleOf != nil || s.Types != nil && s.Types.String() == "[integer]"
	})
	if low != nil && high != nil && !integer { // halfway, then nearer and nearer to the low end
		v.Sub(high, low)
		v.Quo(v, new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), uint(n+1))))
		v.Add(v, low)
	}
	return json.Number(decimal(v))
}
