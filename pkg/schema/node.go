package schema

import (
	"math/big"
	"regexp"
)

// node is a compiled subschema. A keyword that is absent, or that the draft
// does not know, is nil or zero.
type node struct {
	number   int // the place in evaluator.active
	resource *resource
	element  *element // where it was written

	// Of values of every type.
	Bool            *bool // the schemas true and false
	Ref             *node
	RecursiveRef    *node
	RecursiveAnchor bool
	DynamicRef      *dynamicRef
	DynamicAnchor   string
	Types           typeSet
	Enum            []any // may be empty and not nil: nothing is allowed
	Const           *any
	Not             *node
	AllOf           []*node
	AnyOf           []*node
	OneOf           []*node
	If, Then, Else  *node
	Format          *format // nil also for a format that nobody knows
	FormatAsserted  bool    // the draft makes the format a rule

	// Of objects.
	MinProperties         *int
	MaxProperties         *int
	Required              []string
	PropertyNames         *node
	Properties            map[string]*node
	PatternProperties     []patternProperty
	AdditionalProperties  *node
	Dependencies          []dependency
	UnevaluatedProperties *node

	// Of arrays.
	MinItems         *int
	MaxItems         *int
	UniqueItems      bool
	Contains         *node
	MinContains      *int
	MaxContains      *int
	PrefixItems      []*node // in older drafts "items" with a list
	Items            *node   // of the other items; in older drafts "additionalItems" where "items" is a list
	UnevaluatedItems *node

	// Of strings.
	MinLength *int
	MaxLength *int
	Pattern   *regexp.Regexp

	// Of numbers.
	Minimum          *big.Rat
	Maximum          *big.Rat
	ExclusiveMinimum *big.Rat
	ExclusiveMaximum *big.Rat
	MultipleOf       *big.Rat

	// Annotations that are of use for samples.
	Default  *any
	Examples []any
}

// dynamicRef is a reference that may lead elsewhere than it says: to the anchor
// of the same name of the outermost schema that is being evaluated.
type dynamicRef struct {
	Ref    *node
	Anchor string // "" for a reference by pointer, which is an ordinary one
}

// patternProperty is the schema of the properties whose names match.
type patternProperty struct {
	regexp *regexp.Regexp
	schema *node
}

// dependency is what an object must fit that has the property trigger: one
// member of "dependencies", "dependentRequired" or "dependentSchemas".
type dependency struct {
	trigger  string
	required []string
	schema   *node // nil for a list of names
}
