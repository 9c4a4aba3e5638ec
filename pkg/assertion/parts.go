package assertion

import (
	"strings"

	"github.com/itchyny/gojq"

	"github.com/narada-cli/narada/pkg/output"
)

// The limits of what is shown of the parts of an answer.
const (
	maxParts  = 3
	maxValues = 3 // of a part
	partWidth = 60
)

// found shows the parts of the answer that an expression looks at.
func (c *checking) found(text string) (list []string) {
	parsed, err := gojq.Parse(text)
	if err != nil {
		return nil // cannot happen: it was compiled before
	}
	for _, part := range parts(parsed) {
		if shown := c.part(part.String()); shown != "" && len(list) < maxParts {
			list = append(list, shown)
		}
	}
	return list
}

// part is "PART is VALUE, VALUE", or "" if the part cannot be evaluated.
func (c *checking) part(text string) string {
	query, err := output.ParseQuery(c.ctx, text)
	if err != nil {
		return ""
	}
	values, err := query.Values(c.ctx, c.answer, maxValues+1)
	if err != nil {
		return ""
	}
	var shown []string
	for i, value := range values {
		if i == maxValues {
			shown = append(shown, "…")
			break
		}
		shown = append(shown, c.value(value))
	}
	text = c.shown(text, partWidth)
	if len(shown) == 0 {
		return text + " has no value"
	}
	return text + " is " + strings.Join(shown, ", ")
}

// parts returns the parts of an expression that read the answer: the sides of comparisons
// unless they are constants, and what is piped into another function. There is none if the
// expression's own value is that of the answer.
func parts(q *gojq.Query) (list []*gojq.Query) {
	switch q.Op {
	case 0:
		list = partsOfTerm(q.Term)
	case gojq.OpEq, gojq.OpNe, gojq.OpGt, gojq.OpLt, gojq.OpGe, gojq.OpLe:
		for _, side := range []*gojq.Query{q.Left, q.Right} {
			if !isConstant(side) {
				list = append(list, side)
			}
		}
	case gojq.OpAnd, gojq.OpOr, gojq.OpAlt:
		list = append(operands(q.Left), operands(q.Right)...)
	case gojq.OpPipe:
		for _, part := range parts(q.Right) {
			list = append(list, &gojq.Query{Left: q.Left, Op: gojq.OpPipe, Patterns: q.Patterns, Right: part})
		}
		if len(list) == 0 && len(q.Patterns) == 0 {
			list = []*gojq.Query{q.Left}
		}
	}
	if len(q.FuncDefs) == 0 {
		return list
	}
	for i, part := range list {
		defined := *part
		defined.FuncDefs = append(q.FuncDefs[:len(q.FuncDefs):len(q.FuncDefs)], part.FuncDefs...)
		list[i] = &defined
	}
	return list
}

// operands returns the parts of one side of a logical operator, which is one itself if it has
// none.
func operands(q *gojq.Query) []*gojq.Query {
	if list := parts(q); len(list) > 0 || isConstant(q) {
		return list
	}
	return []*gojq.Query{q}
}

func partsOfTerm(t *gojq.Term) []*gojq.Query {
	switch {
	case t == nil || len(t.SuffixList) > 0:
	case t.Type == gojq.TermTypeQuery:
		return parts(t.Query)
	case t.Type == gojq.TermTypeIf:
		return operands(t.If.Cond)
	case t.Type == gojq.TermTypeFunc && t.Func.Name == "select" && len(t.Func.Args) == 1:
		return operands(t.Func.Args[0])
	case t.Type == gojq.TermTypeFunc && (t.Func.Name == "any" || t.Func.Name == "all") && len(t.Func.Args) == 2:
		return t.Func.Args[:1:1]
	}
	return nil
}

// isConstant reports whether an expression is a literal.
func isConstant(q *gojq.Query) bool {
	t := q.Term
	if t == nil || len(t.SuffixList) > 0 {
		return false
	}
	switch t.Type {
	case gojq.TermTypeNull, gojq.TermTypeTrue, gojq.TermTypeFalse, gojq.TermTypeNumber, gojq.TermTypeArray, gojq.TermTypeObject:
		return true
	case gojq.TermTypeString:
		return len(t.Str.Queries) == 0
	case gojq.TermTypeUnary:
		return t.Unary.Term.Type == gojq.TermTypeNumber
	case gojq.TermTypeQuery:
		return isConstant(t.Query)
	}
	return false
}
