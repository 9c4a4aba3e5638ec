package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
)

// Violation is one place where a value does not fit the schema.
type Violation struct {
	Pointer string // JSON pointer to the place, "" for the whole value
	Message string // what is wrong there, in one line of English
}

// Validate returns where the value does not fit, in the order of the value's
// text; nil when it fits. The error says that there is no telling: the value is
// not JSON, has a number out of range (more than 10,000 characters, or an
// exponent over 1000), or the schema refers to itself without end, or through
// too many schemas. Numbers are compared exactly.
//
// Where none of several alternatives (anyOf, oneOf) fits, the violations are
// those of the one alternative that has the value's type, if there is one such,
// else one violation for all.
func (s *Schema) Validate(value []byte) ([]Violation, error) {
	v, err := decode(value)
	if err != nil {
		return nil, fmt.Errorf("the value is %w", err)
	}
	e := newEvaluator(s.program, false)
	var found []problem
	ok := e.evaluate(s.program.root, v, &path{}, nil, &found)
	if e.err != nil {
		return nil, fmt.Errorf("the value, or what the schema says of it, is %w", e.err)
	}
	if ok {
		return nil, nil
	}
	for _, p := range found {
		if p.keyword == "cycle" {
			return nil, fmt.Errorf("the schema refers to itself without end at #%s", p.node.element.path())
		}
	}
	return inOrder(found, value), nil
}

// inOrder sorts by the places in the text and leaves repetitions out.
func inOrder(found []problem, value []byte) []Violation {
	root := &place{}
	all := make([]Violation, len(found))
	for i, p := range found {
		all[i] = Violation{p.at.String(), p.message()}
		root.add(all[i].Pointer)
	}
	count := 0
	root.find(json.NewDecoder(bytes.NewReader(value)), &count)
	sort.SliceStable(all, func(i, j int) bool {
		a, b := all[i], all[j]
		x, y := root.at(a.Pointer), root.at(b.Pointer)
		if x != y {
			return x < y
		}
		return a.Message < b.Message
	})
	var list []Violation
	for _, v := range all {
		if n := len(list); n == 0 || list[n-1] != v {
			list = append(list, v)
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
		names[i] = unescape(name)
	}
	return names
}
