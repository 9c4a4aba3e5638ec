package schema

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// number returns the first number near the bounds that matches.
func number(all schemas, n int) (any, bool) {
	near, step, whole := big.NewRat(3, 2), big.NewRat(1, 1), false // whole: a multiple of the step
	starts := []*big.Rat{near}
	for _, s := range all {
		for _, bound := range []*big.Rat{s.Minimum, s.ExclusiveMinimum, s.Maximum, s.ExclusiveMaximum} {
			if bound != nil {
				starts = append(starts, bound)
			}
		}
		if s.MultipleOf != nil {
			step = s.MultipleOf
		}
		whole = whole || s.MultipleOf != nil || s.Types != nil && strings.Contains(s.Types.String(), "integer")
	}
	if whole {
		near.Set(step)
	}
	for i := 2; i < len(starts) && !whole; i += 2 { // between two bounds
		middle := new(big.Rat).Add(starts[i-1], starts[i])
		starts = slices.Insert(starts, i, middle.Mul(middle, big.NewRat(1, 2)))
	}
	for _, start := range starts {
		for _, count := range []int{n, n + 1, -n, -n - 1} {
			r := new(big.Rat).Quo(start, step)
			if whole {
				r.SetInt(new(big.Int).Div(r.Num(), r.Denom())) // rounded down
			}
			r.Add(r, big.NewRat(int64(count), 1))
			if value := json.Number(decimal(r.Mul(r, step))); all.match(value) {
				return value, true
			}
		}
	}
	return nil, false
}

// formats has a template for each format. Its number is from 1 to 28.
var formats = map[string]string{
	"date":      "2025-01-%02d",
	"time":      "09:00:%02dZ",
	"date-time": "2025-01-%02dT09:00:00Z",
	"duration":  "PT%dM",
	"email":     "person%d@example.com",
	"hostname":  "host%d.example.com",
	"ipv4":      "192.0.2.%d",
	"ipv6":      "2001:db8::%d",
	"uri":       "https://example.com/%d",
	"uuid":      "00000000-0000-4000-8000-%012d",
}

// text returns the first text that matches: one for the format, one for the
// pattern, or "sample NAME" shortened or padded to the length.
func text(all schemas, p place) (any, bool) {
	var list []string
	minimum, maximum := 0, maxText
	for _, s := range all {
		if s.MinLength != nil {
			minimum = max(minimum, min(*s.MinLength, maxText))
		}
		if s.MaxLength != nil {
			maximum = min(maximum, *s.MaxLength)
		}
		if format := formats[stepOf(s).format]; format != "" {
			list = slices.Insert(list, 0, fmt.Sprintf(format, p.n%28+1))
		}
		if s.Pattern != nil {
			list = append(list, matches(s.Pattern.String(), p.n)...)
		}
	}
	plain := []rune("sample " + p.name)
	if p.n > 0 {
		plain = append(plain, []rune(fmt.Sprintf(" %d", p.n+1))...)
	}
	cut := max(0, len(plain)-maximum)
	stretch := strings.Repeat(".", max(0, minimum-len(plain)))
	list = append(list, string(plain[:len(plain)-cut])+stretch, string(plain[cut:])+stretch, "", "0")
	for _, text := range list {
		if all.match(text) {
			return text, true
		}
	}
	return nil, false
}

// The syntax of ECMA-262 that package syntax does not parse. Look-arounds are
// removed; the text may match them or not.
const (
	lookAround = `\(\?<?[=!](?:[^()\\\[]|\\.|\[(?:[^\]\\]|\\.)*\]|\((?:[^()\\]|\\.)*\))*\)`
	unicodeSet = `(\\[pP]\{)\w+=`
	codePoint  = `\\u(?:\{([0-9a-fA-F]+)\}|([0-9a-fA-F]{4}))`
)

// matches returns texts of several lengths that may match a pattern.
func matches(pattern string, n int) []string {
	pattern = regexp.MustCompile(lookAround).ReplaceAllString(pattern, "")
	pattern = regexp.MustCompile(unicodeSet).ReplaceAllString(pattern, "$1")
	pattern = regexp.MustCompile(codePoint).ReplaceAllString(pattern, `\x{$1$2}`)
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil
	}
	var list []string
	for _, more := range []int{2, 0, 1, 3, 4, 8, 16, 32} {
		list = append(list, match(tree.Simplify(), more, n))
	}
	return list
}

// match returns a text with more repetitions of each unbounded repeat, and half as
// many inside of it.
func match(re *syntax.Regexp, more, n int) string {
	times, below := 1, more
	switch re.Op {
	case syntax.OpLiteral:
		return string(re.Rune)
	case syntax.OpCharClass:
		return oneOf(re.Rune, n)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return oneOf([]rune{'a', 'z'}, n)
	case syntax.OpAlternate:
		return match(re.Sub[n%len(re.Sub)], more, n)
	case syntax.OpQuest:
		times = min(more, 1)
	case syntax.OpPlus:
		times, below = max(more, 1), more/2
	case syntax.OpStar:
		times, below = more, more/2
	}
	var b strings.Builder
	for range times {
		for _, sub := range re.Sub {
			b.WriteString(match(sub, below, n+b.Len()))
		}
	}
	return b.String()
}

// oneOf returns a character of a class, given as pairs of first and last. It
// prefers letters and digits.
func oneOf(class []rune, n int) string {
	var usual []rune
	for _, r := range "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890" {
		for i := 0; i+1 < len(class); i += 2 {
			if class[i] <= r && r <= class[i+1] {
				usual = append(usual, r)
			}
		}
	}
	usual = append(usual, class...)
	if len(usual) == 0 {
		return ""
	}
	return string(usual[n%len(usual)])
}
