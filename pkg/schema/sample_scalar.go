package schema

import (
	"encoding/json"
	"fmt"
	"iter"
	"math/big"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// bounds is the range that numbers must be in; nil is no bound.
type bounds struct {
	low, high         *big.Rat
	lowOpen, highOpen bool
	step              *big.Rat // nil: any number
}

func boundsOf(flat []*node, integer bool) bounds {
	var b bounds
	if integer {
		b.step = big.NewRat(1, 1)
	}
	for _, s := range flat {
		b.atLeast(s.Minimum, false)
		b.atLeast(s.ExclusiveMinimum, true)
		b.atMost(s.Maximum, false)
		b.atMost(s.ExclusiveMaximum, true)
		if s.MultipleOf != nil && s.MultipleOf.Sign() > 0 {
			b.step = commonMultiple(b.step, s.MultipleOf)
		}
	}
	return b
}

func (b *bounds) atLeast(r *big.Rat, open bool) {
	if r == nil {
		return
	}
	if b.low == nil || r.Cmp(b.low) > 0 {
		b.low, b.lowOpen = r, open
	} else if r.Cmp(b.low) == 0 {
		b.lowOpen = b.lowOpen || open
	}
}

func (b *bounds) atMost(r *big.Rat, open bool) {
	if r == nil {
		return
	}
	if b.high == nil || r.Cmp(b.high) < 0 {
		b.high, b.highOpen = r, open
	} else if r.Cmp(b.high) == 0 {
		b.highOpen = b.highOpen || open
	}
}

// commonMultiple is the least common multiple of two positive fractions: that
// of the numerators over the greatest common divisor of the denominators.
func commonMultiple(a, b *big.Rat) *big.Rat {
	if a == nil {
		return b
	}
	divisor := new(big.Int).GCD(nil, nil, a.Num(), b.Num())
	top := new(big.Int).Div(new(big.Int).Mul(a.Num(), b.Num()), divisor)
	return new(big.Rat).SetFrac(top, new(big.Int).GCD(nil, nil, a.Denom(), b.Denom()))
}

// numbers yields a number in the range, and then some that a schema may mean
// which says more than a range.
func numbers(flat []*node, integer bool, variant int) iter.Seq[any] {
	return func(yield func(any) bool) {
		b := boundsOf(flat, integer)
		for _, r := range []*big.Rat{b.pick(variant), b.pick(variant + 1), new(big.Rat), big.NewRat(-1, 1)} {
			if !yield(json.Number(decimal(r))) {
				return
			}
		}
	}
}

// pick returns the number of the range with the given index; whether there is
// one is for the check to tell.
func (b bounds) pick(variant int) *big.Rat {
	if b.step != nil {
		return b.pickStep(variant)
	}
	index := big.NewRat(int64(variant), 1)
	switch {
	case b.low != nil && b.high != nil:
		if b.low.Cmp(b.high) == 0 {
			return b.low
		}
		width := new(big.Rat).Sub(b.high, b.low)
		return width.Add(width.Mul(width, fraction(variant)), b.low)
	case b.low != nil:
		return new(big.Rat).Add(b.low, index.Add(index, big.NewRat(3, 2)))
	case b.high != nil:
		return new(big.Rat).Sub(b.high, index.Add(index, big.NewRat(3, 2)))
	}
	return index.Add(index, big.NewRat(3, 2))
}

func (b bounds) pickStep(variant int) *big.Rat {
	count := big.NewInt(1) // of steps
	direction := int64(1)
	multiple := func() *big.Rat { return new(big.Rat).Mul(b.step, new(big.Rat).SetInt(count)) }
	switch {
	case b.low != nil && (multiple().Cmp(b.low) < 0 || b.lowOpen && multiple().Cmp(b.low) == 0 || variant > 0):
		count = floor(new(big.Rat).Quo(b.low, b.step))
		if m := multiple(); m.Cmp(b.low) < 0 || b.lowOpen && m.Cmp(b.low) == 0 {
			count.Add(count, big.NewInt(1))
		}
	case b.low == nil && b.high != nil:
		direction = -1
		if m := multiple(); m.Cmp(b.high) > 0 || b.highOpen && m.Cmp(b.high) == 0 {
			count = floor(new(big.Rat).Quo(b.high, b.step))
			if m := multiple(); b.highOpen && m.Cmp(b.high) == 0 {
				count.Sub(count, big.NewInt(1))
			}
		}
	case b.low != nil && b.high != nil && multiple().Cmp(b.high) > 0:
		count.SetInt64(0)
	}
	count.Add(count, big.NewInt(direction*int64(variant)))
	return multiple()
}

func floor(r *big.Rat) *big.Int {
	// Div rounds to negative infinity, as the divisor is positive.
	return new(big.Int).Div(r.Num(), r.Denom())
}

// fraction runs through 1/2, 1/4, 3/4, 1/8, 5/8, ...: parts of a range that are
// all different and have finite decimals.
func fraction(n int) *big.Rat {
	sum, part := new(big.Rat), big.NewRat(1, 2)
	for n++; n > 0; n /= 2 {
		if n%2 == 1 {
			sum.Add(sum, part)
		}
		part = new(big.Rat).Mul(part, big.NewRat(1, 2))
	}
	return sum
}

// strings yields text of the format, of the pattern, and then text that says
// that it is a sample.
func (g *sampler) strings(flat []*node, hint string, variant int) iter.Seq[any] {
	return func(yield func(any) bool) {
		least, most := 0, maxBytes
		var format, pattern []string
		for _, s := range flat {
			if s.MinLength != nil {
				least = max(least, *s.MinLength)
			}
			if s.MaxLength != nil {
				most = min(most, *s.MaxLength)
			}
			if f := g.format(s); f != nil {
				format = append(format, f.name)
			}
			if s.Pattern != nil {
				pattern = append(pattern, s.Pattern.String())
			}
		}
		if least > most {
			return
		}
		give := func(text string) bool {
			if g.bytes -= len(text); g.bytes < 0 {
				return false
			}
			return yield(text)
		}
		for _, name := range format {
			if !give(formatted(name, variant)) {
				return
			}
		}
		for _, p := range pattern {
			for _, text := range matches(p, least, most, variant) {
				if !give(text) {
					return
				}
			}
		}
		_ = give(plain(hint, least, most, variant)) && give("")
	}
}

// plain is "sample" with the name of what it is a sample of, cut or stretched
// to the length that is asked for.
func plain(hint string, least, most, variant int) string {
	text := "sample " + hint
	if variant > 0 {
		text += fmt.Sprintf(" %d", variant+1)
	}
	runes := []rune(text)
	switch {
	case len(runes) > most && variant > 0:
		runes = runes[len(runes)-most:] // the number makes the difference
	case len(runes) > most:
		runes = runes[:most]
	}
	if n := least - len(runes); n > 0 {
		return string(runes) + strings.Repeat(".", n)
	}
	return string(runes)
}

// formatted is text of a format that the validator knows.
func formatted(name string, n int) string {
	switch name {
	case "date":
		return fmt.Sprintf("2025-01-%02d", n%28+1)
	case "time":
		return fmt.Sprintf("09:%02d:00Z", n%60)
	case "date-time":
		return fmt.Sprintf("2025-01-%02dT09:%02d:00Z", n/60%28+1, n%60)
	case "duration":
		return fmt.Sprintf("PT%dM", n+1)
	case "period":
		return fmt.Sprintf("2025-01-01T09:00:00Z/PT%dM", n+1)
	case "email":
		return numbered("person%s@example.com", n)
	case "hostname":
		return numbered("host%s.example.com", n)
	case "ipv4":
		return fmt.Sprintf("192.0.2.%d", n%254+1)
	case "ipv6":
		return fmt.Sprintf("2001:db8::%x", n%0xfff+1)
	case "uri", "iri", "uri-reference", "iri-reference", "uri-template":
		return numbered("https://example.com/sample%s", n)
	case "uuid":
		return fmt.Sprintf("00000000-0000-4000-8000-%012x", n+1)
	case "json-pointer":
		return numbered("/sample%s", n)
	case "relative-json-pointer":
		return fmt.Sprint(n)
	case "regex":
		return numbered("sample%s", n)
	case "semver":
		return fmt.Sprintf("1.0.%d", n)
	}
	return ""
}

func numbered(format string, n int) string {
	if n == 0 {
		return fmt.Sprintf(format, "")
	}
	return fmt.Sprintf(format, fmt.Sprint(n+1))
}

// matches lists texts that match a pattern and may have the right length.
func matches(pattern string, least, most, variant int) []string {
	var list []string
	for _, extra := range []int{2, 0, 1, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256} {
		text, ok := match(pattern, extra, variant)
		n := utf8.RuneCountInString(text)
		if !ok || n > most {
			continue
		}
		list = append(list, text)
		if n < least {
			// A pattern without anchors leaves room on either side.
			pad := strings.Repeat("x", least-n)
			list = append(list, text+pad, pad+text)
		}
	}
	return list
}

// match makes up a text that matches a pattern, with so many more repetitions
// than the least at each place that allows them.
func match(pattern string, extra, variant int) (string, bool) {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "", false
	}
	m := &matcher{extra: extra, variant: variant}
	m.write(tree)
	return m.text.String(), m.text.Len() < maxMatch
}

// maxMatch is the most bytes of a made-up match: repetitions can be nested.
const maxMatch = 4096

type matcher struct {
	text           strings.Builder
	extra, variant int
}

func (m *matcher) write(re *syntax.Regexp) {
	if m.text.Len() >= maxMatch {
		return
	}
	switch re.Op {
	case syntax.OpLiteral:
		m.text.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		m.text.WriteRune(m.oneOf(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		m.text.WriteRune(m.oneOf([]rune{'a', 'z'}))
	case syntax.OpCapture, syntax.OpConcat:
		for _, sub := range re.Sub {
			m.write(sub)
		}
	case syntax.OpAlternate:
		m.write(re.Sub[m.variant%len(re.Sub)])
	case syntax.OpStar:
		m.repeat(re.Sub[0], 0, -1)
	case syntax.OpPlus:
		m.repeat(re.Sub[0], 1, -1)
	case syntax.OpQuest:
		m.repeat(re.Sub[0], 0, 1)
	case syntax.OpRepeat:
		m.repeat(re.Sub[0], re.Min, re.Max)
	}
}

func (m *matcher) repeat(re *syntax.Regexp, least, most int) {
	n := least + m.extra
	if most >= 0 {
		n = min(n, most)
	}
	for i := 0; i < n && m.text.Len() < maxMatch; i++ {
		m.write(re)
	}
}

// oneOf picks a character of a class, given as pairs of first and last: a
// letter or a digit if there are any, and not the same at every place.
func (m *matcher) oneOf(class []rune) rune {
	var plain []rune
	for i := 0; i+1 < len(class); i += 2 {
		for _, familiar := range []string{"abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "123456789", "0"} {
			for _, r := range familiar {
				if class[i] <= r && r <= class[i+1] {
					plain = append(plain, r)
				}
			}
		}
	}
	if len(plain) > 0 {
		return plain[(m.text.Len()+m.variant)%len(plain)]
	}
	if len(class) == 0 {
		return utf8.RuneError
	}
	return class[0]
}
