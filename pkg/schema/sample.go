package schema

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The limits of what is made up. Whether any value fits a schema is hard to
// tell in general; a sample is looked for where authors of schemas would, and
// no longer than this.
const (
	maxRounds  = 100    // of checks and repairs
	maxTurns   = 4      // choices of alternatives
	maxMembers = 1000   // items or properties that one repair adds
	maxText    = 10_000 // characters of one string
	maxSample  = 20_000 // values
	// Optional properties and items are filled in down to this depth.
	optionalDepth = 6
)

// sampler makes up one value: it starts with a hole, and repairs what the
// library finds wrong with the value until there is nothing left.
type sampler struct {
	schemas map[string]*jsonschema.Schema // by location
	value   any
	full    bool // with optional properties and items
	turn    int  // which alternatives are picked
	bump    int  // asks for other values
	holes   int  // made so far
	changed bool
}

// hole is a value that is still to be made up. The library takes it for invalid,
// wherever a schema says something about it.
type hole struct{}

func (hole) MarshalJSON() ([]byte, error) { return []byte(`"sample"`), nil }

// gone is what a value is changed to that is to be taken away.
type gone struct{}

// Sample makes up a value that fits the schema: the same one every time, with
// optional properties too, so that it shows the whole shape. Examples and
// defaults of the schema are used where they fit. It is an error when none was
// found, which does not mean that there is none.
func (s *Schema) Sample() (doc json.RawMessage, err error) {
	// What is made up has the right format also where the draft takes it as a
	// mere remark, if there is such a value.
	strict, err := s.compile(newCompiler(true))
	if err != nil {
		return nil, err
	}
	err = s.guard.run(maxSearch, func() {
		g := &sampler{}
		for attempt := 0; doc == nil && attempt < 4*maxTurns && g.holes <= maxSample; attempt++ {
			root := []*jsonschema.Schema{strict, s.root}[attempt/maxTurns%2]
			*g = sampler{schemas: make(map[string]*jsonschema.Schema), value: hole{}, full: attempt < 2*maxTurns, turn: attempt % maxTurns}
			walk(root, func(s *jsonschema.Schema) { g.schemas[s.Location] = s })
			g.repairAll(root)
			text := s.encode(g.value)
			if value, _, err := decode([]byte(text), false); err == nil && s.root.Validate(value) == nil {
				doc = []byte(text)
			}
		}
	})
	if err == nil && doc == nil {
		err = errors.New("no sample was found that fits the schema")
	}
	return doc, err
}

// repairAll goes on until the value fits, or nothing more can be done.
func (g *sampler) repairAll(root *jsonschema.Schema) {
	for range maxRounds {
		err, ok := root.Validate(g.value).(*jsonschema.ValidationError)
		if !ok {
			return
		}
		g.changed = false
		if g.repair(err, nil); !g.changed || g.holes > maxSample {
			return
		}
	}
}

// change changes the value at a place, if there is one.
func (g *sampler) change(at []string, to func(old any) any) {
	g.value = changed(g.value, at, func(old any) any {
		g.changed = true
		return to(old)
	})
}

func (g *sampler) set(at []string, value any) {
	g.change(at, func(any) any { return value })
}

func changed(value any, at []string, to func(any) any) any {
	if len(at) == 0 {
		return to(value)
	}
	switch v := value.(type) {
	case map[string]any:
		if member, ok := v[at[0]]; ok {
			v[at[0]] = changed(member, at[1:], to)
			maps.DeleteFunc(v, func(_ string, member any) bool { return member == gone{} })
		}
	case []any:
		if i, err := strconv.Atoi(at[0]); err == nil && i < len(v) {
			v[i] = changed(v[i], at[1:], to)
			return slices.DeleteFunc(v, func(item any) bool { return item == gone{} })
		}
	}
	return value
}

// hint is the name of what is at a place, and its number in the list around it.
func (g *sampler) hint(at []string) (name string, n int) {
	name = "value"
	for _, step := range at {
		if index, err := strconv.Atoi(step); err == nil {
			n = index
		} else {
			name = step
		}
	}
	return name, max(n, -n) + g.bump
}

// encode writes a value as JSON, with the members of objects in the order of the
// schema.
func (s *Schema) encode(value any) string {
	var parts []string
	switch v := value.(type) {
	case map[string]any:
		names := slices.Sorted(maps.Keys(v))
		slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(s.order[a], s.order[b]) })
		for _, name := range names {
			parts = append(parts, s.encode(name)+":"+s.encode(v[name]))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case []any:
		for _, item := range v {
			parts = append(parts, s.encode(item))
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(value) // a scalar that came from JSON
	return strings.TrimSuffix(b.String(), "\n")
}
