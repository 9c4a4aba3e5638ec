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

// The limits of time. A few lines of schema can require a check that takes years:
// thirty subschemas that each refer to the next one twice, or the pattern (a+)+$.
const (
	maxCheck  = 10 * time.Second
	maxSearch = 2 * time.Second // for a sample
	maxMatch  = time.Second     // of one pattern on one text
)

// guard stops a check that takes too long. The library has no cancellation, so
// the functions that it calls panic with an abort, which run returns as an error.
type guard struct {
	mu       sync.Mutex
	deadline time.Time
}

type abort struct{ error }

// run calls check. Calls run one at a time.
func (g *guard) run(limit time.Duration, check func()) (err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.deadline = time.Now().Add(limit)
	defer func() {
		if r := recover(); r != nil {
			a, ok := r.(abort)
			if !ok {
				panic(r)
			}
			err = a.error
		}
	}()
	check()
	return nil
}

// step is an extension of every schema: the library calls it for each value.
type step struct {
	guard  *guard
	names  *jsonschema.Schema // of propertyNames
	format string
}

// stepOf returns the step of a schema, the zero step if it is a boolean.
func stepOf(s *jsonschema.Schema) step {
	for _, extension := range s.Extensions {
		return extension.(step)
	}
	return step{}
}

// vocabulary makes the library add a step to each schema that it compiles.
func (g *guard) vocabulary() *jsonschema.Vocabulary {
	return &jsonschema.Vocabulary{URL: origin + "guard", Compile: func(c *jsonschema.CompilerContext, object map[string]any) (jsonschema.SchemaExt, error) {
		s := c.Enqueue(nil)
		// The library truncates counts that do not fit an int.
		for keyword, limit := range map[string]**int{
			"maxLength": &s.MaxLength, "maxItems": &s.MaxItems, "maxProperties": &s.MaxProperties, "maxContains": &s.MaxContains,
		} {
			number, _ := object[keyword].(json.Number)
			if n, _ := number.Float64(); n > math.MaxInt32 { // no value has more
				*limit = nil
			}
		}
		// The library's errors of property names have wrong locations: it overwrites
		// them later. The step checks the names in its place.
		names := s.PropertyNames
		s.PropertyNames = nil
		format, _ := object["format"].(string)
		return step{g, names, format}, nil
	}}
}

// Validate checks the deadline and property names.
func (s step) Validate(c *jsonschema.ValidatorContext, v any) {
	if time.Now().After(s.guard.deadline) {
		panic(abort{errors.New("the check takes too long")})
	}
	object, ok := v.(map[string]any)
	if !ok || s.names == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if err, ok := c.Validate(s.names, name, []string{name}).(*jsonschema.ValidationError); ok {
			c.AddErrors([]*jsonschema.ValidationError{err}, &kind.PropertyNames{Property: name})
		}
	}
}

// pattern is a regular expression of ECMA-262.
type pattern struct{ *regexp2.Regexp }

func compilePattern(source string) (jsonschema.Regexp, error) {
	re, err := regexp2.Compile(source, regexp2.ECMAScript|regexp2.Unicode)
	if err != nil {
		return nil, err
	}
	re.MatchTimeout = maxMatch
	return pattern{re}, nil
}

func (p pattern) MatchString(s string) bool {
	ok, err := p.Regexp.MatchString(s)
	if err != nil { // there are no other errors than those of these limits
		panic(abort{fmt.Errorf("the pattern %s takes too much time or memory", oneLine(p.String()))})
	}
	return ok
}
