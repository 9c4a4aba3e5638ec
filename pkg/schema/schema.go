// Package schema checks JSON values against a JSON Schema, and generates sample
// values that match one. The library github.com/santhosh-tekuri/jsonschema does
// the checking; this package limits its resources and lists its errors.
//
// It supports drafts 4, 6, 7, 2019-09 and 2020-12: "$schema" selects the draft,
// and 2020-12 is the default. Formats are asserted where the draft says so, that
// is up to draft 7. Patterns are regular expressions of ECMA-262 in Unicode mode.
// Nothing is ever loaded from the disk or the network.
//
// The package is private to narada.
package schema

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// MaxSize is the maximum size of a schema in bytes.
const MaxSize = 1 << 20

// Schema is a compiled JSON Schema. It is safe for concurrent use; concurrent
// calls run one after the other.
type Schema struct {
	guard guard
	root  *jsonschema.Schema
	links int // see size
}

// The document's own address, which cannot be loaded.
const (
	origin   = "narada:///"
	location = origin + "schema"
)

// Compile compiles a schema of up to 1 MiB. A "$ref" must lead to a place in the
// document or to the metaschema of a draft. Of duplicate members the last one
// counts. Errors have one line.
func Compile(doc []byte) (*Schema, error) {
	if len(doc) > MaxSize {
		return nil, fmt.Errorf("the schema is larger than %d MiB", MaxSize>>20)
	}
	s := &Schema{}
	if err := s.compile(s.newCompiler(), doc); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Schema) newCompiler() *jsonschema.Compiler {
	c := jsonschema.NewCompiler()
	c.RegisterVocabulary(s.guard.vocabulary())
	c.AssertVocabs()
	c.UseLoader(jsonschema.SchemeURLLoader{}) // none: a schema must not read files or send requests
	c.UseRegexpEngine(compilePattern)
	return c
}

func (s *Schema) compile(c *jsonschema.Compiler, doc []byte) error {
	value, size, err := decode(doc)
	if err == nil && size.nodes > maxNodes {
		err = errors.New("too large or nested too deeply")
	}
	if err != nil {
		return fmt.Errorf("the schema is %w", err)
	}
	s.links = size.links
	if err = c.AddResource(location, value); err == nil {
		s.root, err = c.Compile(location)
	}
	if err != nil {
		return errors.New("not a valid JSON Schema: " + oneLine(compileMessage(err)))
	}
	return nil
}

// compileMessage says why the library refuses a schema.
func compileMessage(err error) string {
	if outside, ok := errors.AsType[*jsonschema.LoadURLError](err); ok {
		return fmt.Sprintf("it refers to %q, which is outside the document", strings.TrimPrefix(outside.URL, origin))
	}
	if invalid, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		if cause, ok := errors.AsType[*jsonschema.ValidationError](invalid.Err); ok {
			first := firstOf(leaves(cause))
			_, place, _ := strings.Cut(invalid.URL+pointer(first.at), "#")
			return fmt.Sprintf("at %s: %s", cmp.Or(place, "the root"), first.message)
		}
	}
	return strings.ReplaceAll(strings.ReplaceAll(err.Error(), location, ""), origin, "")
}
