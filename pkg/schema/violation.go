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
	v, size, err := decode(value, false)
	// At each level of the value the library may go through every subschema, and
	// what uses up the stack ends the program.
	if err == nil && size.depth*s.size > maxLevels {
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
	order := firstSeen(value)
	slices.SortFunc(found, func(a, b leaf) int {
		return cmp.Or(slices.CompareFunc(a.at, b.at, func(x, y string) int {
			i, errI := strconv.Atoi(x)
			j, errJ := strconv.Atoi(y)
			if errI != nil || errJ != nil {
				i, j = order[x], order[y]
			}
			return cmp.Or(i-j, strings.Compare(x, y))
		}), strings.Compare(a.words(), b.words()))
	})
	var list []Violation
	for _, l := range found {
		if cycle, ok := l.kind.(*kind.RefCycle); ok {
			return nil, fmt.Errorf("the schema refers to itself without end at %s", named(cycle.URL))
		}
		list = append(list, Violation{pointer(l.at), oneLine(l.words())})
	}
	return slices.Compact(list), nil
}

// leaf is one thing that is wrong.
type leaf struct {
	at   []string
	kind jsonschema.ErrorKind
	name string // of the property that is missing
	near [][]leaf
	all  int // alternatives
}

// leaves lists what is wrong under an error of the library.
func leaves(err *jsonschema.ValidationError) []leaf {
	at := err.InstanceLocation
	switch k := err.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.AllOf, *kind.Reference:
		return slices.Concat(leavesOfEach(err.Causes)...)
	case *kind.AnyOf:
		return closest(err)
	case *kind.OneOf:
		if k.Subschemas == nil {
			return closest(err)
		}
	case *kind.Required:
		return missing(at, k, k.Missing)
	case *kind.Dependency:
		return missing(at, &kind.DependentRequired{Prop: k.Prop}, k.Missing)
	case *kind.DependentRequired:
		return missing(at, k, k.Missing)
	case *kind.AdditionalProperties:
		var list []leaf
		for _, name := range k.Properties {
			list = append(list, leaf{at: append(slices.Clone(at), name), kind: k})
		}
		return list
	case *badName:
		return []leaf{{at: at, kind: k, near: leavesOfEach(err.Causes)}}
	}
	return []leaf{{at: at, kind: err.ErrorKind}}
}

// firstOf is always the same one: the library goes through maps.
func firstOf(list []leaf) leaf {
	return slices.MinFunc(list, func(a, b leaf) int {
		return strings.Compare(pointer(a.at)+a.words(), pointer(b.at)+b.words())
	})
}

func leavesOfEach(causes []*jsonschema.ValidationError) [][]leaf {
	var lists [][]leaf
	for _, cause := range causes {
		lists = append(lists, leaves(cause))
	}
	return lists
}

func missing(at []string, k jsonschema.ErrorKind, names []string) []leaf {
	var list []leaf
	for _, name := range names {
		list = append(list, leaf{at: at, kind: k, name: name})
	}
	return list
}

// closest makes the best of alternatives that all failed. One of another type
// than the value's was not what the author of the value had in mind, as null is
// not where a string is too long; neither was one with another constant in a
// member, as "kind" of a cat where the value is a dog.
func closest(err *jsonschema.ValidationError) []leaf {
	here := len(err.InstanceLocation)
	all := leavesOfEach(err.Causes)
	var types kind.Type
	near := slices.DeleteFunc(slices.Clone(all), func(list []leaf) bool {
		other := false
		for _, l := range list {
			if k, ok := l.kind.(*kind.Type); ok && len(l.at) == here {
				other, types.Got, types.Want = true, k.Got, append(types.Want, k.Want...)
			}
		}
		return other
	})
	meant := slices.DeleteFunc(slices.Clone(near), func(list []leaf) bool {
		n := 0
		for _, l := range list {
			switch l.kind.(type) {
			case *kind.Const, *kind.Enum:
				if len(l.at) == here+1 {
					n++
				}
			}
		}
		return n == 1
	})
	switch {
	case len(near) == 1:
		return near[0]
	case len(meant) == 1:
		return meant[0]
	case len(near) == 0:
		return []leaf{{at: err.InstanceLocation, kind: &types}}
	}
	return []leaf{{at: err.InstanceLocation, kind: &kind.AnyOf{}, near: near, all: len(all)}}
}
