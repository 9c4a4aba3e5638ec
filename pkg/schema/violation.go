package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"sort"
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
// not JSON, has a number out of range (more than 10,000 characters, or an
// exponent over 1000), or the schema refers to itself without end. Numbers are
// compared exactly.
//
// Where none of several alternatives (anyOf, oneOf) fits, the violations are
// those of the one alternative that has the value's type, if there is one such,
// else one violation for all.
func (s *Schema) Validate(value []byte) ([]Violation, error) {
	v, err := decode(value)
	if err != nil {
		return nil, fmt.Errorf("the value is %w", err)
	}
	err = s.plain.Validate(v)
	if err == nil {
		return nil, nil
	}
	invalid, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return nil, err
	}
	found := leaves(invalid)
	for _, l := range found {
		if cycle, ok := l.kind.(*kind.RefCycle); ok {
			return nil, fmt.Errorf("the schema refers to itself without end at %s", strings.TrimPrefix(cycle.URL, location))
		}
	}
	return inOrder(found, value), nil
}

// inOrder sorts by the places in the text and leaves repetitions out.
func inOrder(found []leaf, value []byte) []Violation {
	root := &place{}
	for _, l := range found {
		root.add(l.Pointer)
	}
	count := 0
	root.find(json.NewDecoder(bytes.NewReader(value)), &count)
	sort.SliceStable(found, func(i, j int) bool {
		a, b := found[i], found[j]
		x, y := root.at(a.Pointer), root.at(b.Pointer)
		if x != y {
			return x < y
		}
		return a.Message < b.Message
	})
	var list []Violation
	for _, l := range found {
		if n := len(list); n == 0 || list[n-1] != l.Violation {
			list = append(list, l.Violation)
		}
	}
	return list
}

// place is a node of the tree of those pointers whose order in a text is asked
// for. A tree of the whole text could be far larger than the text.
type place struct {
	number int
	next   map[string]*place
}

func (p *place) add(pointer string) {
	for _, name := range split(pointer) {
		if p.next == nil {
			p.next = make(map[string]*place)
		}
		if p.next[name] == nil {
			p.next[name] = &place{}
		}
		p = p.next[name]
	}
}

func (p *place) at(pointer string) int {
	for _, name := range split(pointer) {
		p = p.next[name]
	}
	return p.number
}

// find numbers the places as the text comes to them. A nil place is one that
// nobody asked for.
func (p *place) find(dec *json.Decoder, count *int) {
	*count++
	var next map[string]*place
	if p != nil {
		p.number, next = *count, p.next
	}
	open, err := dec.Token()
	if err != nil {
		return
	}
	delim, ok := open.(json.Delim)
	if !ok {
		return
	}
	for i := 0; dec.More(); i++ {
		name := fmt.Sprint(i)
		if delim == '{' {
			key, err := dec.Token()
			if err != nil {
				return
			}
			name = key.(string)
		}
		next[name].find(dec, count)
	}
	_, _ = dec.Token() // the closing bracket
}

func split(pointer string) []string {
	if pointer == "" {
		return nil
	}
	names := strings.Split(pointer[1:], "/")
	for i, name := range names {
		names[i] = strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")
	}
	return names
}

func join(names []string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString("/" + strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1"))
	}
	return b.String()
}

// leaf is a violation with what the validator says it is.
type leaf struct {
	Violation
	kind jsonschema.ErrorKind
}

// leaves are the violations at the ends of the validator's tree of errors.
func leaves(e *jsonschema.ValidationError) []leaf {
	at := join(e.InstanceLocation)
	one := func(format string, args ...any) leaf {
		return leaf{Violation{at, oneLine(fmt.Sprintf(format, args...))}, e.ErrorKind}
	}
	switch k := e.ErrorKind.(type) {
	case *kind.AnyOf:
		return alternatives(e, at)
	case *kind.OneOf:
		if len(k.Subschemas) > 1 {
			return []leaf{one("fits more than one of the alternatives (numbers %d and %d)", k.Subschemas[0]+1, k.Subschemas[1]+1)}
		}
		return alternatives(e, at)
	case *kind.PropertyNames:
		reason := "not allowed"
		if list := below(e); len(list) > 0 {
			reason = list[0].Message
		}
		return []leaf{one("property name %q: %s", k.Property, reason)}
	case *kind.Required:
		var list []leaf
		for _, name := range k.Missing {
			list = append(list, one("missing property %q", name))
		}
		return list
	case *kind.AdditionalProperties:
		var list []leaf
		for _, name := range k.Properties {
			extra := join(append(append([]string(nil), e.InstanceLocation...), name))
			list = append(list, leaf{Violation{extra, "this property is not allowed"}, k})
		}
		return list
	}
	if len(e.Causes) > 0 {
		return below(e)
	}
	return []leaf{one("%s", message(e))}
}

func below(e *jsonschema.ValidationError) []leaf {
	var list []leaf
	for _, cause := range e.Causes {
		list = append(list, leaves(cause)...)
	}
	return list
}

// alternatives makes the best of the errors of branches that all failed. A
// branch of another type than the value's was not what the author of the value
// had in mind, as null is not where a string is too long.
func alternatives(e *jsonschema.ValidationError, at string) []leaf {
	var near [][]leaf
	var want []string
	got := ""
	for _, cause := range e.Causes {
		list := leaves(cause)
		other := false
		for _, l := range list {
			if k, ok := l.kind.(*kind.Type); ok && l.Pointer == at {
				other, got = true, k.Got
				want = append(want, k.Want...)
			}
		}
		if !other {
			near = append(near, list)
		}
	}
	switch {
	case len(near) == 1:
		return near[0]
	case len(near) == 0 && len(want) > 0:
		k := &kind.Type{Got: got, Want: want}
		return []leaf{{Violation{at, wrongType(k)}, k}}
	}
	const most = 3
	var reasons []string
	for _, list := range near[:min(len(near), most)] {
		if len(list) == 0 {
			continue
		}
		reason := list[0].Message
		if where := strings.TrimPrefix(list[0].Pointer, at); where != "" {
			reason = "at " + where + " " + reason
		}
		reasons = append(reasons, reason)
	}
	text := fmt.Sprintf("fits none of the %d alternatives: %s", len(e.Causes), strings.Join(reasons, "; or "))
	return []leaf{{Violation{at, oneLine(text)}, e.ErrorKind}}
}

// message words a leaf. What has no words here has the validator's.
func message(e *jsonschema.ValidationError) string {
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		return wrongType(k)
	case *kind.FalseSchema:
		return "no value is allowed here"
	case *kind.Not:
		return "fits what is excluded (not)"
	case *kind.Const:
		return "must be " + text(k.Want)
	case *kind.Enum:
		return "must be one of " + texts(k.Want)
	case *kind.Format:
		return fmt.Sprintf("%s is not of the format %s", text(k.Got), k.Want)
	case *kind.Pattern:
		return fmt.Sprintf("%s does not match the pattern %s", text(k.Got), k.Want)
	case *kind.Minimum:
		return fmt.Sprintf("must be at least %s, is %s", decimal(k.Want), decimal(k.Got))
	case *kind.Maximum:
		return fmt.Sprintf("must be at most %s, is %s", decimal(k.Want), decimal(k.Got))
	case *kind.ExclusiveMinimum:
		return fmt.Sprintf("must be more than %s, is %s", decimal(k.Want), decimal(k.Got))
	case *kind.ExclusiveMaximum:
		return fmt.Sprintf("must be less than %s, is %s", decimal(k.Want), decimal(k.Got))
	case *kind.MultipleOf:
		return fmt.Sprintf("must be a multiple of %s, is %s", decimal(k.Want), decimal(k.Got))
	case *kind.MinLength:
		return fmt.Sprintf("must have at least %d characters, has %d", k.Want, k.Got)
	case *kind.MaxLength:
		return fmt.Sprintf("must have at most %d characters, has %d", k.Want, k.Got)
	case *kind.MinItems:
		return fmt.Sprintf("must have at least %d items, has %d", k.Want, k.Got)
	case *kind.MaxItems:
		return fmt.Sprintf("must have at most %d items, has %d", k.Want, k.Got)
	case *kind.MinProperties:
		return fmt.Sprintf("must have at least %d properties, has %d", k.Want, k.Got)
	case *kind.MaxProperties:
		return fmt.Sprintf("must have at most %d properties, has %d", k.Want, k.Got)
	case *kind.UniqueItems:
		return fmt.Sprintf("the items %d and %d are equal", k.Duplicates[0], k.Duplicates[1])
	}
	// "jsonschema: at '/a': ..." repeats the place, which the pointer tells.
	bare := jsonschema.ValidationError{ErrorKind: e.ErrorKind}
	return strings.TrimPrefix(bare.Error(), "at '': ")
}

func wrongType(k *kind.Type) string {
	var want []string
	for _, name := range k.Want {
		if !contains(want, name) {
			want = append(want, name)
		}
	}
	return fmt.Sprintf("must be of type %s, is %s", strings.Join(want, " or "), k.Got)
}

func contains(list []string, name string) bool {
	for _, known := range list {
		if known == name {
			return true
		}
	}
	return false
}

// text is a value as JSON, shortened.
func text(v any) string {
	const most = 80
	doc, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if len(doc) > most {
		return strings.ToValidUTF8(string(doc[:most]), "") + "..."
	}
	return string(doc)
}

func texts(values []any) string {
	const most = 10
	var list []string
	for _, v := range values[:min(len(values), most)] {
		list = append(list, text(v))
	}
	if len(values) > most {
		list = append(list, fmt.Sprintf("... (%d in all)", len(values)))
	}
	return strings.Join(list, ", ")
}

// decimal writes a number that came from JSON out exactly. Its denominator has
// no prime factors but 2 and 5.
func decimal(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	digits, exact := r.FloatPrec()
	if !exact {
		return r.RatString()
	}
	return r.FloatString(digits)
}
