package schema

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// Violation is one place where a value does not fit the schema.
type Violation struct {
	Pointer string // JSON pointer to the place, "" for the whole value
	Message string // what is wrong there, in one line of English
}

// Validate returns where the value does not fit, in the order of the value's
// text; nil when it fits. The error says that there is no telling: the value is
// not JSON, is nested too deeply, has a number out of range (more than 10,000
// characters, or an exponent over 1000), the schema refers to itself without
// end, or the check or a pattern takes too long. Numbers are compared exactly.
//
// Where none of several alternatives (anyOf, oneOf) fits, the violations are
// those of the one alternative that was meant, if that can be told from the
// value's type and the alternatives' constants, else one violation for all.
func (s *Schema) Validate(value []byte) ([]Violation, error) {
	v, size, err := decode(value)
	// At each level of the value the library may go through every link, those of a
	// metaschema too, and what uses up the stack ends the program.
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
	if err != nil || found == nil {
		return nil, err
	}
	slices.SortFunc(found, inOrder(firstSeen(value)))
	var list []Violation
	for _, l := range found {
		if cycle, ok := l.kind.(*kind.RefCycle); ok {
			return nil, fmt.Errorf("the schema refers to itself without end at %s", named(cycle.URL))
		}
		list = append(list, Violation{pointer(l.at), shortened(l.words(), 300)})
	}
	return slices.Compact(list), nil
}

// leaf is one thing that is wrong.
type leaf struct {
	at   []string
	kind jsonschema.ErrorKind
	name string   // of a property that is missing or is not allowed
	near [][]leaf // what is wrong with a name, or with each alternative
	all  int      // alternatives
}

// inOrder compares by place, where names have an order.
func inOrder(order map[string]int) func(a, b leaf) int {
	return func(a, b leaf) int {
		return cmp.Or(slices.CompareFunc(a.at, b.at, func(x, y string) int {
			i, errI := strconv.Atoi(x)
			j, errJ := strconv.Atoi(y)
			if errI != nil || errJ != nil {
				i, j = order[x], order[y]
			}
			return cmp.Or(i-j, strings.Compare(x, y))
		}), strings.Compare(a.words(), b.words()))
	}
}

// firstOf is always the same one: the library goes through maps.
func firstOf(list []leaf) leaf { return slices.MinFunc(list, inOrder(nil)) }

// pointer is the JSON pointer of a place.
func pointer(path []string) string {
	var b strings.Builder
	for _, name := range path {
		b.WriteString("/" + strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1"))
	}
	return b.String()
}

// leaves lists what is wrong under an error of the library.
func leaves(err *jsonschema.ValidationError) []leaf {
	at := err.InstanceLocation
	var names []string // one leaf for each
	switch k := err.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.AllOf, *kind.Reference:
		return slices.Concat(leavesOfEach(err)...)
	case *kind.AnyOf:
		return closest(err)
	case *kind.OneOf:
		if k.Subschemas == nil {
			return closest(err)
		}
	case *kind.Required:
		names = k.Missing
	case *kind.Dependency:
		names = k.Missing
	case *kind.DependentRequired:
		names = k.Missing
	case *kind.AdditionalProperties:
		names = k.Properties
	case *kind.PropertyNames: // see step
		if strings.HasPrefix(err.SchemaURL, location) {
			return nil
		}
	case *badName:
		return []leaf{{at: at, kind: k, near: leavesOfEach(err)}}
	}
	if names == nil {
		return []leaf{{at: at, kind: err.ErrorKind}}
	}
	var list []leaf
	for _, name := range names {
		place := at
		if _, extra := err.ErrorKind.(*kind.AdditionalProperties); extra {
			place = append(slices.Clone(at), name)
		}
		list = append(list, leaf{at: place, kind: err.ErrorKind, name: name})
	}
	return list
}

func leavesOfEach(err *jsonschema.ValidationError) [][]leaf {
	var lists [][]leaf
	for _, cause := range err.Causes {
		lists = append(lists, leaves(cause))
	}
	return lists
}

// closest makes the best of alternatives that all failed. One of another type
// than the value's was not what the author of the value had in mind, as null is
// not where a string is too long; neither was one with another constant in a
// member, as "kind" of a cat where the value is a dog.
func closest(err *jsonschema.ValidationError) []leaf {
	here := len(err.InstanceLocation)
	var types kind.Type
	var near, meant [][]leaf
	for _, list := range leavesOfEach(err) {
		other, constants := false, 0
		for _, l := range list {
			switch k := l.kind.(type) {
			case *kind.Type:
				if len(l.at) == here {
					other, types.Got, types.Want = true, k.Got, append(types.Want, k.Want...)
				}
			case *kind.Const, *kind.Enum:
				if len(l.at) == here+1 {
					constants++
				}
			}
		}
		if !other {
			near = append(near, list)
		}
		if !other && constants != 1 {
			meant = append(meant, list)
		}
	}
	switch {
	case len(near) == 1:
		return near[0]
	case len(meant) == 1:
		return meant[0]
	case len(near) == 0:
		return []leaf{{at: err.InstanceLocation, kind: &types}}
	}
	return []leaf{{at: err.InstanceLocation, kind: &kind.AnyOf{}, near: near, all: len(err.Causes)}}
}
