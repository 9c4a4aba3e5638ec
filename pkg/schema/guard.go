package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
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

// step is in every schema: the library calls it for each value that it checks.
type step struct {
	guard  *guard
	schema *jsonschema.Schema
}

// vocabulary has the library put the step into what it compiles.
func (g *guard) vocabulary() *jsonschema.Vocabulary {
	return &jsonschema.Vocabulary{URL: origin + "guard", Compile: func(c *jsonschema.CompilerContext, object map[string]any) (jsonschema.SchemaExt, error) {
		s := c.Enqueue(nil)
		// Of a count that does not fit an int the library takes the low bits.
		for keyword, most := range map[string]**int{
			"maxLength": &s.MaxLength, "maxItems": &s.MaxItems, "maxProperties": &s.MaxProperties, "maxContains": &s.MaxContains,
		} {
			number, _ := object[keyword].(json.Number)
			if n, _ := number.Float64(); n > math.MaxInt32 { // no value has more
				*most = nil
			}
		}
		return step{g, s}, nil
	}}
}

// Validate checks names beside the library, whose own errors about them share
// their location with those of later places.
func (s step) Validate(c *jsonschema.ValidatorContext, v any) {
	if time.Now().After(s.guard.deadline) {
		panic(stop{fmt.Errorf("the check takes longer than %v", s.guard.limit)})
	}
	object, ok := v.(map[string]any)
	if !ok || s.schema.PropertyNames == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if err, ok := c.Validate(s.schema.PropertyNames, name, []string{name}).(*jsonschema.ValidationError); ok {
			c.AddErrors([]*jsonschema.ValidationError{err}, &badName{kind.PropertyNames{Property: name}})
		}
	}
}

// badName is the error about a name.
type badName struct{ kind.PropertyNames }

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
