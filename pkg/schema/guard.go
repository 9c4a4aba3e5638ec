package schema

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/dlclark/regexp2/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// The limits of time. A few lines of schema can ask for a check that takes
// years: each of thirty subschemas that refers to the next one twice, or a
// pattern as (a+)+$.
const (
	maxCheck  = 10 * time.Second
	maxSearch = 2 * time.Second // for a sample
	maxMatch  = time.Second     // of one pattern on one text
)

// guard ends a check that takes too long. The library cannot be told to stop, so
// what it calls panics with a stop, which run turns into an error.
type guard struct {
	mu       sync.Mutex
	limit    time.Duration
	deadline time.Time
}

type stop struct{ error }

// run calls check, one at a time.
func (g *guard) run(limit time.Duration, check func()) (err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limit, g.deadline = limit, time.Now().Add(limit)
	defer func() {
		if r := recover(); r != nil {
			s, ok := r.(stop)
			if !ok {
				panic(r)
			}
			err = s.error
		}
	}()
	check()
	return nil
}

// watch has the guard called at each step through a schema: the library checks
// the format before anything that it goes down to.
func (g *guard) watch(s *jsonschema.Schema) {
	format := jsonschema.Format{Validate: func(any) error { return nil }}
	if s.Format != nil {
		format = *s.Format
	}
	s.Format = &jsonschema.Format{Name: format.Name, Validate: func(v any) error {
		if time.Now().After(g.deadline) {
			panic(stop{fmt.Errorf("the check takes longer than %v", g.limit)})
		}
		return format.Validate(v)
	}}
	if s.PropertyNames != nil {
		s.Extensions = append(s.Extensions, propertyNames{s.PropertyNames})
		s.PropertyNames = nil
	}
}

// propertyNames is the keyword in place of the library's own one, whose errors
// share their location with those of later places.
type propertyNames struct{ schema *jsonschema.Schema }

// badName is the error of it.
type badName struct {
	kind.PropertyNames
	schema *jsonschema.Schema
}

func (p propertyNames) Validate(ctx *jsonschema.ValidatorContext, v any) {
	object, _ := v.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if err, ok := ctx.Validate(p.schema, name, []string{name}).(*jsonschema.ValidationError); ok {
			ctx.AddErrors([]*jsonschema.ValidationError{err}, &badName{kind.PropertyNames{Property: name}, p.schema})
		}
	}
}

// walk visits s and all schemas that a check of it may go on to.
func walk(s *jsonschema.Schema, visit func(*jsonschema.Schema)) {
	seen := make(map[*jsonschema.Schema]bool)
	for todo := []*jsonschema.Schema{s}; len(todo) > 0; {
		s, todo = todo[len(todo)-1], todo[:len(todo)-1]
		if s != nil && !seen[s] {
			seen[s] = true
			todo = append(todo, subschemas(s)...)
			visit(s)
		}
	}
}

func subschemas(s *jsonschema.Schema) []*jsonschema.Schema {
	list := slices.Concat(s.AllOf, s.AnyOf, s.OneOf, s.PrefixItems, references(s), []*jsonschema.Schema{
		s.Not, s.If, s.Then, s.Else, s.PropertyNames, s.UnevaluatedProperties, s.Contains, s.Items2020, s.UnevaluatedItems,
	})
	for _, e := range s.Extensions {
		list = append(list, e.(propertyNames).schema)
	}
	list = slices.AppendSeq(list, maps.Values(s.Properties))
	list = slices.AppendSeq(list, maps.Values(s.PatternProperties))
	list = slices.AppendSeq(list, maps.Values(s.DependentSchemas))
	for _, other := range slices.AppendSeq([]any{s.AdditionalProperties, s.AdditionalItems, s.Items}, maps.Values(s.Dependencies)) {
		switch other := other.(type) {
		case *jsonschema.Schema:
			list = append(list, other)
		case []*jsonschema.Schema:
			list = append(list, other...)
		}
	}
	return list
}

// references are the schemas that s names. A dynamic reference is taken at its
// face value.
func references(s *jsonschema.Schema) []*jsonschema.Schema {
	list := []*jsonschema.Schema{s.Ref, s.RecursiveRef}
	if s.DynamicRef != nil {
		list = append(list, s.DynamicRef.Ref)
	}
	return slices.DeleteFunc(list, func(s *jsonschema.Schema) bool { return s == nil })
}

// pattern is a regular expression of ECMA-262.
type pattern struct{ re *regexp2.Regexp }

func compilePattern(source string) (jsonschema.Regexp, error) {
	re, err := regexp2.Compile(source, regexp2.ECMAScript|regexp2.Unicode)
	if err != nil {
		return nil, err
	}
	re.MatchTimeout = maxMatch
	return &pattern{re}, nil
}

func (p *pattern) String() string { return p.re.String() }

func (p *pattern) MatchString(s string) bool {
	ok, err := p.re.MatchString(s)
	if errors.Is(err, regexp2.ErrBacktrackingStackLimit) {
		panic(stop{fmt.Errorf("the pattern %s takes too much memory on %s", shown(p.String()), shown(s))})
	}
	if err != nil { // the only other error is that of the time limit
		panic(stop{fmt.Errorf("the pattern %s takes longer than %v on %s", shown(p.String()), maxMatch, shown(s))})
	}
	return ok
}
