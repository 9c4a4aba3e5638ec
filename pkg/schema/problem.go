package schema

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// problem is a keyword that a value does not meet. It is put into words only
// when it is known to matter.
type problem struct {
	at      *path
	keyword string // or "false", "cycle"
	node    *node
	value   any
	name    string      // of the property
	trigger string      // the property that asks for it
	items   [2]int      // two indexes, or a limit and a count
	types   []string    // those of all alternatives, nil for those of the node
	below   []problem   // what is wrong with a name
	near    [][]problem // why each alternative is not met
}

// closest makes the best of the problems of branches that all failed. A branch
// of another type than the value's was not what the author of the value had in
// mind, as null is not where a string is too long.
func (f *frame) closest(branches [][]problem) []problem {
	var near [][]problem
	var types []string
	for _, list := range branches {
		other := false
		for _, p := range list {
			if p.keyword == "type" && p.at == f.at {
				other = true
				types = append(types, p.wanted()...)
			}
		}
		if !other {
			near = append(near, list)
		}
	}
	p := problem{at: f.at, node: f.node, value: f.value}
	switch {
	case len(near) == 1:
		return near[0]
	case len(near) == 0 && len(types) > 0:
		p.keyword, p.types = "type", types
	default:
		p.keyword, p.items[0], p.near = "anyOf", len(branches), near
	}
	return []problem{p}
}

// message says in one line what is wrong.
func (p problem) message() string { return oneLine(p.words()) }

func (p problem) words() string {
	n := p.node
	switch p.keyword {
	case "false":
		return "no value is allowed here"
	case "cycle":
		return "the schema refers to itself without end"
	case "type":
		return p.wrongType()
	case "const":
		return "must be " + text(*n.Const)
	case "enum":
		return "must be one of " + texts(n.Enum)
	case "format":
		return fmt.Sprintf("%s is not of the format %s", text(p.value), n.Format.name)
	case "not":
		return "fits what is excluded (not)"
	case "oneOf":
		return fmt.Sprintf("fits more than one of the alternatives (numbers %d and %d)", p.items[0]+1, p.items[1]+1)
	case "anyOf":
		return p.noAlternative()
	}
	switch v := p.value.(type) {
	case map[string]any:
		return p.objectWords(v)
	case []any:
		return p.arrayWords(v)
	case string:
		return p.stringWords(v)
	}
	return p.numberWords()
}

func (p problem) objectWords(object map[string]any) string {
	n := p.node
	switch p.keyword {
	case "minProperties":
		return fmt.Sprintf("must have at least %d properties, has %d", *n.MinProperties, len(object))
	case "maxProperties":
		return fmt.Sprintf("must have at most %d properties, has %d", *n.MaxProperties, len(object))
	case "required":
		return fmt.Sprintf("missing property %q", p.name)
	case "dependentRequired":
		return fmt.Sprintf("missing property %q, which %q asks for", p.name, p.trigger)
	case "additionalProperties":
		return "this property is not allowed"
	}
	reason := "not allowed"
	if len(p.below) > 0 {
		reason = p.below[0].message()
	}
	return fmt.Sprintf("property name %q: %s", p.name, reason)
}

func (p problem) arrayWords(items []any) string {
	n := p.node
	switch p.keyword {
	case "minItems":
		return fmt.Sprintf("must have at least %d items, has %d", *n.MinItems, len(items))
	case "maxItems":
		return fmt.Sprintf("must have at most %d items, has %d", *n.MaxItems, len(items))
	case "minContains":
		return fmt.Sprintf("must have at least %d of the items that it is to contain, has %d", p.items[0], p.items[1])
	case "maxContains":
		return fmt.Sprintf("must have at most %d of the items that it is to contain, has %d", p.items[0], p.items[1])
	}
	return fmt.Sprintf("the items %d and %d are equal", p.items[0], p.items[1])
}

func (p problem) stringWords(value string) string {
	n := p.node
	length := len([]rune(value))
	switch p.keyword {
	case "minLength":
		return fmt.Sprintf("must have at least %d characters, has %d", *n.MinLength, length)
	case "maxLength":
		return fmt.Sprintf("must have at most %d characters, has %d", *n.MaxLength, length)
	}
	return fmt.Sprintf("%s does not match the pattern %s", text(value), n.Pattern)
}

func (p problem) numberWords() string {
	n := p.node
	number, _ := p.value.(json.Number)
	is := decimal(rational(number))
	switch p.keyword {
	case "minimum":
		return fmt.Sprintf("must be at least %s, is %s", decimal(n.Minimum), is)
	case "maximum":
		return fmt.Sprintf("must be at most %s, is %s", decimal(n.Maximum), is)
	case "exclusiveMinimum":
		return fmt.Sprintf("must be more than %s, is %s", decimal(n.ExclusiveMinimum), is)
	case "exclusiveMaximum":
		return fmt.Sprintf("must be less than %s, is %s", decimal(n.ExclusiveMaximum), is)
	}
	return fmt.Sprintf("must be a multiple of %s, is %s", decimal(n.MultipleOf), is)
}

// wanted are the names of the types that would do.
func (p problem) wanted() []string {
	if p.types != nil {
		return p.types
	}
	return p.node.Types.names()
}

func (p problem) wrongType() string {
	var want []string
	for _, name := range p.wanted() {
		if !slices.Contains(want, name) {
			want = append(want, name)
		}
	}
	return fmt.Sprintf("must be of type %s, is %s", strings.Join(want, " or "), typeOf(p.value).names()[0])
}

func (p problem) noAlternative() string {
	const most = 3
	var reasons []string
	for _, list := range p.near[:min(len(p.near), most)] {
		if len(list) == 0 {
			continue
		}
		reason := list[0].message()
		if where := list[0].at.below(p.at); where != "" {
			reason = "at " + where + " " + reason
		}
		reasons = append(reasons, reason)
	}
	return fmt.Sprintf("fits none of the %d alternatives: %s", p.items[0], strings.Join(reasons, "; or "))
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
