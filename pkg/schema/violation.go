package schema

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/output"
)

// Violation is one place where a value does not match the schema.
type Violation struct {
	Pointer string // JSON pointer to the place, "" for the whole value
	Message string // what is wrong there, in one line
}

// Validate lists the places where the value does not match the schema, sorted by
// pointer; nil if it matches. It returns an error if it cannot tell: the value is
// not JSON, is nested too deeply or has a number out of range (more than 10,000
// characters, or an exponent over 1000), the schema has an endless reference
// cycle, or the check or a pattern takes too long. Numbers are compared exactly.
//
// If no alternative of an anyOf or oneOf matches, the violations are those of the
// only alternative that has the value's type. If there are several or none, there
// is one violation for all.
func (s *Schema) Validate(value []byte) ([]Violation, error) {
	v, size, err := decode(value)
	// At each level of the value the library may follow every link, those of a
	// metaschema too. A stack overflow would end the program.
	if err == nil && size.depth*(s.links+100) > maxLevels {
		err = errors.New("nested too deeply for so large a schema")
	}
	if err != nil {
		return nil, fmt.Errorf("the value is %w", err)
	}
	var found []leaf
	err = s.guard.run(maxCheck, func() {
		if err, ok := s.root.Validate(v).(*jsonschema.ValidationError); ok {
			found = leaves(err)
		}
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, compare)
	var list []Violation
	for _, l := range found {
		if _, ok := l.kind.(*kind.RefCycle); ok {
			return nil, errors.New("the schema has an endless reference cycle: " + strings.ReplaceAll(l.message, location, ""))
		}
		list = append(list, Violation{pointer(l.at), oneLine(l.message)})
	}
	return slices.Compact(list), nil
}

// CheckAnswer lists where the data of an answer violate the schema, which may be nil. Only a
// success is checked, and one without data violates it.
func (s *Schema) CheckAnswer(r *narada.Result) ([]Violation, error) {
	if s == nil || r.Status != narada.StatusSuccess {
		return nil, nil
	}
	data := r.Structured()
	if data == nil {
		return []Violation{{Message: "the answer has no structured data"}}, nil
	}
	return s.Validate(data)
}

// leaf is an error without causes.
type leaf struct {
	at      []string
	kind    jsonschema.ErrorKind
	message string
}

// compare orders leaves by place, array items by index, then by message.
func compare(a, b leaf) int {
	return cmp.Or(slices.CompareFunc(a.at, b.at, func(x, y string) int {
		return cmp.Or(cmp.Compare(index(x), index(y)), strings.Compare(x, y))
	}), strings.Compare(a.message, b.message))
}

// index returns the largest int for what is no index.
func index(name string) int {
	if i, err := strconv.Atoi(name); err == nil {
		return i
	}
	return math.MaxInt
}

// firstOf does not depend on the library's order, which is random.
func firstOf(list []leaf) leaf { return slices.MinFunc(list, compare) }

// pointer returns the JSON pointer of a place.
func pointer(path []string) string {
	var b strings.Builder
	for _, name := range path {
		b.WriteString("/" + strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1"))
	}
	return b.String()
}

// leaves lists the leaves of an error of the library.
func leaves(err *jsonschema.ValidationError) []leaf {
	var lists [][]leaf
	for _, cause := range err.Causes {
		lists = append(lists, leaves(cause))
	}
	l := leaf{at: err.InstanceLocation, kind: err.ErrorKind}
	switch k := err.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.AllOf, *kind.Reference:
		return slices.Concat(lists...)
	case *kind.AnyOf:
		return closest(l, lists)
	case *kind.OneOf:
		if k.Subschemas == nil {
			return closest(l, lists)
		}
	case *kind.PropertyNames:
		l.message = fmt.Sprintf("property name %q: %s", k.Property, firstOf(slices.Concat(lists...)).message)
		return []leaf{l}
	}
	l.message = messageOf(err.ErrorKind)
	return []leaf{l}
}

// closest returns the leaves of the only alternative that has the value's type,
// or else one leaf that describes the first alternatives.
func closest(l leaf, alternatives [][]leaf) []leaf {
	sameType := slices.DeleteFunc(slices.Clone(alternatives), func(list []leaf) bool {
		return slices.ContainsFunc(list, func(other leaf) bool {
			_, ok := other.kind.(*kind.Type)
			return ok && len(other.at) == len(l.at)
		})
	})
	switch len(sameType) {
	case 0:
		sameType = alternatives
	case 1:
		return sameType[0]
	}
	const shown = 3
	var reasons []string
	for _, list := range sameType[:min(len(sameType), shown)] {
		first := firstOf(list)
		reason := first.message
		if where := pointer(first.at[len(l.at):]); where != "" {
			reason = "at " + where + ": " + reason
		}
		reasons = append(reasons, reason)
	}
	l.message = fmt.Sprintf("matches none of %d alternatives: %s", len(alternatives), strings.Join(reasons, "; "))
	return []leaf{l}
}

var english = message.NewPrinter(language.English)

// messageOf is the library's message, except where that rounds numbers or says
// too little.
func messageOf(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Format:
		if k.Want != "regex" {
			return fmt.Sprintf("%q is not a valid %s", k.Got, k.Want)
		}
	case *kind.FalseSchema:
		return "no value is allowed here"
	case *kind.Not:
		return `must not match the schema in "not"`
	}
	if fields := reflect.ValueOf(k).Elem(); fields.NumField() == 2 {
		if got, ok := fields.Field(0).Interface().(*big.Rat); ok { // an exact number
			want, _ := fields.Field(1).Interface().(*big.Rat)
			return fmt.Sprintf("%s: got %s, want %s", k.KeywordPath()[0], decimal(got), decimal(want))
		}
	}
	return k.LocalizedString(english)
}

// decimal writes out a number of a JSON document: its denominator has no prime
// factors but 2 and 5.
func decimal(r *big.Rat) string {
	digits, _ := r.FloatPrec()
	return r.FloatString(digits)
}

// oneLine returns text in one line of up to 300 columns.
func oneLine(text string) string {
	return output.Cut(strings.Join(strings.Fields(text), " "), 300)
}
