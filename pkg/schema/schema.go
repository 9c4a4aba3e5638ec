// Package schema checks JSON values against a JSON Schema, and makes up values
// that fit one. The work is done by github.com/santhosh-tekuri/jsonschema; this
// package sets its limits and puts its errors into words.
//
// It understands drafts 4, 6, 7, 2019-09 and 2020-12: "$schema" decides, and
// without it the document is read as 2020-12. Formats are asserted where the
// draft says so, that is up to draft 7. Patterns are regular expressions of
// ECMA-262 in its Unicode mode. A schema stands by itself: nothing is ever
// loaded from the disk or the network.
//
// The package is private to narada.
package schema

import (
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// MaxSize is the most bytes that a schema may have: what is larger was not
// written by a person, and no model would read it.
const MaxSize = 1 << 20

// Schema is a compiled JSON Schema. It is safe for use by several goroutines at
// once, which then wait for each other.
type Schema struct {
	guard    *guard
	root     *jsonschema.Schema
	document any
	links    int            // see size
	order    map[string]int // of the names in the document
}

// The document's own address, which leads nowhere.
const (
	origin   = "narada:///"
	location = origin + "schema"
)

// Compile reads a schema of up to 1 MiB. A "$ref" must lead to a place inside
// the document (or to a draft's own metaschema, which is built in). Where an
// object has a member twice, the last one counts. Errors say what is wrong in
// one line.
func Compile(doc []byte) (*Schema, error) {
	if len(doc) > MaxSize {
		return nil, fmt.Errorf("the schema is larger than %d MiB", MaxSize>>20)
	}
	s, err := parse(doc)
	if err == nil {
		s.root, err = s.compile(s.guard.newCompiler(false))
	}
	return s, err
}

func parse(doc []byte) (*Schema, error) {
	value, size, err := decode(doc)
	if err == nil && (size.nodes > maxNodes || size.pointers > maxPointers) {
		err = errors.New("too large or nested too deeply")
	}
	if err != nil {
		return nil, fmt.Errorf("the schema is %w", err)
	}
	return &Schema{guard: &guard{}, document: value, links: size.links, order: firstSeen(doc)}, nil
}

// newCompiler makes a compiler of the library; with formats, it also asserts
// those that the draft takes as a remark.
func (g *guard) newCompiler(formats bool) *jsonschema.Compiler {
	c := jsonschema.NewCompiler()
	c.RegisterVocabulary(g.vocabulary())
	c.AssertVocabs()
	c.UseLoader(noLoader{})
	c.UseRegexpEngine(compilePattern)
	if formats {
		c.AssertFormat()
	}
	return c
}

// noLoader refuses every address: reading a file or asking a server because a
// schema says so would be a surprise, and on a server a hole.
type noLoader struct{}

func (noLoader) Load(string) (any, error) { return nil, errors.New("outside the document") }

func (s *Schema) compile(c *jsonschema.Compiler) (*jsonschema.Schema, error) {
	err := c.AddResource(location, s.document)
	if err == nil {
		var root *jsonschema.Schema
		if root, err = c.Compile(location); err == nil {
			return root, nil
		}
	}
	return nil, errors.New("not a valid JSON Schema: " + shortened(compileWords(err), 300))
}

// compileWords says why the library refuses a schema.
func compileWords(err error) string {
	if outside, ok := errors.AsType[*jsonschema.LoadURLError](err); ok {
		return fmt.Sprintf("it refers to %q, which is outside the document", strings.TrimPrefix(outside.URL, origin))
	}
	if invalid, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		if cause, ok := errors.AsType[*jsonschema.ValidationError](invalid.Err); ok {
			first := firstOf(leaves(cause))
			return fmt.Sprintf("at %s: %s", named(invalid.URL+pointer(first.at)), first.words())
		}
	}
	return strings.ReplaceAll(strings.ReplaceAll(err.Error(), location, ""), origin, "")
}

// named is the place in the document that an address of it leads to.
func named(address string) string {
	if _, place, _ := strings.Cut(address, "#"); place != "" {
		return place
	}
	return "the top"
}
