package schema

import (
	"encoding/json"
	"errors"
	"slices"
)

// maxEvaluations is how deep evaluations may be nested. A value is at most
// 10,000 deep, which the decoder sees to, but a schema can lead through many
// subschemas at each level, and the stack of a program has an end.
const maxEvaluations = 100_000

var errTooDeep = errors.New("nested too deeply to be checked")

// evaluator checks one value against the nodes of one program.
type evaluator struct {
	formats bool        // every format is a rule
	active  []*path     // by node: the innermost place where it is being evaluated
	scope   []*resource // the dynamic scope, the outermost first
	depth   int
	err     error // there is no telling

	// For a schema that is checked against a metaschema:
	start *path
	skip  map[string]bool // places below start that are not checked
	meta  *node
}

func newEvaluator(p *program, formats bool) *evaluator {
	return &evaluator{formats: formats, active: make([]*path, p.nodes), meta: p.root}
}

// evaluate reports whether the value fits. What does not fit is appended to
// found; where that is nil nobody asks, and the first problem is enough. What
// the schema says about members and items is noted in seen, unless that is nil.
func (e *evaluator) evaluate(n *node, value any, at *path, seen *evaluated, found *[]problem) bool {
	f := frame{e: e, node: n, value: value, at: at, found: found}
	switch {
	case n.Bool != nil && *n.Bool:
		return true
	case n.Bool != nil:
		return f.fail("false")
	case e.err != nil:
		return false
	case e.active[n.number] == at:
		return f.fail("cycle") // it is what it asks about
	case e.depth >= maxEvaluations:
		e.err = errTooDeep
		return false
	case n == e.meta && len(e.skip) > 0 && at != e.start && e.skip[at.String()]:
		return true
	}
	if seen != nil || n.UnevaluatedProperties != nil || n.UnevaluatedItems != nil {
		f.seen = &evaluated{}
	}
	outer := e.active[n.number]
	e.active[n.number] = at
	e.depth++
	scope := e.scope
	if len(scope) == 0 || scope[len(scope)-1] != n.resource {
		e.scope = append(scope, n.resource)
	}
	ok := f.evaluate()
	e.scope = scope
	e.depth--
	e.active[n.number] = outer
	if ok && seen != nil {
		seen.merge(f.seen)
	}
	return ok
}

// frame is the evaluation of one node at one place.
type frame struct {
	e     *evaluator
	node  *node
	value any
	at    *path
	seen  *evaluated // nil: nobody asks
	found *[]problem // nil: nobody asks
}

// fail notes that the keyword is not met.
func (f *frame) fail(keyword string) bool {
	return f.report(problem{keyword: keyword})
}

func (f *frame) report(p problem) bool {
	if f.found != nil {
		if p.at == nil {
			p.at = f.at
		}
		p.node, p.value = f.node, f.value
		*f.found = append(*f.found, p)
	}
	return false
}

// goesOn reports whether there is more to find out.
func (f *frame) goesOn(ok bool) bool { return ok || f.found != nil }

func (f *frame) evaluate() bool {
	n := f.node
	if keyword := f.mismatch(); keyword != "" {
		return f.fail(keyword) // what else there is to say would be about another kind of value
	}
	ok := n.Ref == nil || f.inPlace(n.Ref)
	switch v := f.value.(type) {
	case map[string]any:
		ok = f.goesOn(ok) && f.object(v) && ok
	case []any:
		ok = f.goesOn(ok) && f.array(v) && ok
	case string:
		ok = f.goesOn(ok) && f.text(v) && ok
	case json.Number:
		ok = f.goesOn(ok) && f.number(v) && ok
	}
	ok = f.goesOn(ok) && f.dynamicReferences() && ok
	ok = f.goesOn(ok) && f.alternatives() && ok
	ok = f.goesOn(ok) && f.conditional() && ok
	return f.goesOn(ok) && f.unevaluated() && ok
}

// mismatch is the keyword that the value as a whole does not meet, or "".
func (f *frame) mismatch() string {
	n := f.node
	switch {
	case n.Types != 0 && !n.Types.allow(f.value):
		return "type"
	case n.Const != nil && !equal(*n.Const, f.value):
		return "const"
	case n.Enum != nil && !slices.ContainsFunc(n.Enum, func(v any) bool { return equal(v, f.value) }):
		return "enum"
	}
	text, ok := f.value.(string)
	if ok && n.Format != nil && (n.FormatAsserted || f.e.formats) && !n.Format.valid(text) {
		return "format"
	}
	return ""
}

// inPlace evaluates another schema at the same place, with its problems as ours.
func (f *frame) inPlace(n *node) bool {
	return f.e.evaluate(n, f.value, f.at, f.seen, f.found)
}

// branch evaluates another schema at the same place, with its problems apart.
func (f *frame) branch(n *node) (list []problem, ok bool) {
	if f.found == nil {
		return nil, f.inPlace(n)
	}
	ok = f.e.evaluate(n, f.value, f.at, f.seen, &list)
	return list, ok
}

// fits evaluates another schema at the same place, without asking what does not
// fit.
func (f *frame) fits(n *node) bool {
	return f.e.evaluate(n, f.value, f.at, f.seen, nil)
}

func (f *frame) dynamicReferences() bool {
	ok := true
	if target := f.node.RecursiveRef; target != nil {
		ok = f.inPlace(f.e.recursive(target))
	}
	if target := f.node.DynamicRef; target != nil {
		ok = f.goesOn(ok) && f.inPlace(f.e.dynamic(target)) && ok
	}
	return ok
}

// recursive is where a $recursiveRef leads: to the outermost resource that is
// meant to be extended, if its target is.
func (e *evaluator) recursive(target *node) *node {
	if !target.RecursiveAnchor {
		return target
	}
	for _, r := range e.scope {
		if r.root.node.RecursiveAnchor {
			return r.root.node
		}
	}
	return target
}

// dynamic is where a $dynamicRef leads: to the outermost anchor of the name, if
// its target is such an anchor.
func (e *evaluator) dynamic(target *dynamicRef) *node {
	if target.Anchor == "" || target.Ref.DynamicAnchor != target.Anchor {
		return target.Ref
	}
	for _, r := range e.scope {
		if anchor := r.dynamic[target.Anchor]; anchor != nil {
			return anchor.node
		}
	}
	return target.Ref
}

func (f *frame) alternatives() bool {
	n, ok := f.node, true
	if n.Not != nil && f.fits(n.Not) {
		ok = f.fail("not")
	}
	for _, s := range n.AllOf {
		ok = f.goesOn(ok) && f.inPlace(s) && ok
	}
	if len(n.AnyOf) > 0 {
		ok = f.goesOn(ok) && f.anyOf() && ok
	}
	if len(n.OneOf) > 0 {
		ok = f.goesOn(ok) && f.oneOf() && ok
	}
	return ok
}

func (f *frame) anyOf() bool {
	var branches [][]problem
	matched := false
	for _, s := range f.node.AnyOf {
		if matched {
			f.fits(s) // it tells of members and items
			continue
		}
		list, ok := f.branch(s)
		if ok && f.seen == nil {
			return true
		}
		matched = ok
		branches = append(branches, list)
	}
	return matched || f.noBranch(branches)
}

func (f *frame) oneOf() bool {
	var branches [][]problem
	matched := -1
	for i, s := range f.node.OneOf {
		if matched >= 0 {
			if f.fits(s) {
				return f.report(problem{keyword: "oneOf", items: [2]int{matched, i}})
			}
			continue
		}
		list, ok := f.branch(s)
		if ok {
			matched = i
		}
		branches = append(branches, list)
	}
	return matched >= 0 || f.noBranch(branches)
}

// noBranch notes that the value fits none of the alternatives.
func (f *frame) noBranch(branches [][]problem) bool {
	if f.found != nil {
		*f.found = append(*f.found, f.closest(branches)...)
	}
	return false
}

func (f *frame) conditional() bool {
	n := f.node
	switch {
	case n.If == nil || n.Then == nil && n.Else == nil && f.seen == nil:
		return true
	case f.fits(n.If):
		return n.Then == nil || f.inPlace(n.Then)
	}
	return n.Else == nil || f.inPlace(n.Else)
}
