package schema

import (
	"encoding/json"
	"unicode/utf8"
)

func (f *frame) text(text string) bool {
	n, ok := f.node, true
	if n.MinLength != nil || n.MaxLength != nil {
		length := utf8.RuneCountInString(text)
		if n.MinLength != nil && length < *n.MinLength {
			ok = f.fail("minLength")
		}
		if n.MaxLength != nil && length > *n.MaxLength {
			ok = f.fail("maxLength")
		}
	}
	if n.Pattern != nil && !n.Pattern.MatchString(text) {
		ok = f.fail("pattern")
	}
	return ok
}

func (f *frame) number(number json.Number) bool {
	n, ok := f.node, true
	if n.Minimum == nil && n.Maximum == nil && n.ExclusiveMinimum == nil && n.ExclusiveMaximum == nil && n.MultipleOf == nil {
		return true
	}
	r := rational(number)
	if n.Minimum != nil && r.Cmp(n.Minimum) < 0 {
		ok = f.fail("minimum")
	}
	if n.Maximum != nil && r.Cmp(n.Maximum) > 0 {
		ok = f.fail("maximum")
	}
	if n.ExclusiveMinimum != nil && r.Cmp(n.ExclusiveMinimum) <= 0 {
		ok = f.fail("exclusiveMinimum")
	}
	if n.ExclusiveMaximum != nil && r.Cmp(n.ExclusiveMaximum) >= 0 {
		ok = f.fail("exclusiveMaximum")
	}
	if n.MultipleOf != nil && !r.Quo(r, n.MultipleOf).IsInt() {
		ok = f.fail("multipleOf")
	}
	return ok
}
