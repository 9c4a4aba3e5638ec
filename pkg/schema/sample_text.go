package schema

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// formats has text of each format, with a number from 1 to 28 in it.
var formats = map[string]string{
	"date":                  "2025-01-%02d",
	"time":                  "09:00:%02dZ",
	"date-time":             "2025-01-%02dT09:00:00Z",
	"duration":              "PT%dM",
	"period":                "2025-01-01T09:00:00Z/PT%dM",
	"email":                 "person%d@example.com",
	"hostname":              "host%d.example.com",
	"ipv4":                  "192.0.2.%d",
	"ipv6":                  "2001:db8::%d",
	"uri":                   "https://example.com/%d",
	"iri":                   "https://example.com/%d",
	"uri-reference":         "https://example.com/%d",
	"iri-reference":         "https://example.com/%d",
	"uri-template":          "https://example.com/%d",
	"uuid":                  "00000000-0000-4000-8000-%012d",
	"json-pointer":          "/sample%d",
	"relative-json-pointer": "%d",
	"regex":                 "sample%d",
	"semver":                "1.0.%d",
}

// text is the first that all the schemas fit: one of the format, one of the
// pattern, or one that says that it is a sample.
func (g *sampler) text(all []*jsonschema.Schema, at []string) any {
	name, n := g.hint(at)
	var list []string
	least, most := 0, maxText
	for _, s := range all {
		if s.MinLength != nil {
			least = max(least, min(*s.MinLength, maxText))
		}
		if s.MaxLength != nil {
			most = min(most, *s.MaxLength)
		}
		if format := s.Format; format != nil && formats[format.Name] != "" {
			list = slices.Insert(list, 0, fmt.Sprintf(formats[format.Name], n%28+1))
		}
		if s.Pattern != nil {
			list = append(list, matches(s.Pattern.String(), n)...)
		}
	}
	list = append(list, plain(name, n, least, most))
	for _, text := range list {
		if !slices.ContainsFunc(all, func(s *jsonschema.Schema) bool { return s.Validate(text) != nil }) {
			return text
		}
	}
	return list[0]
}

// plain is "sample" with the name of what it is a sample of, cut or stretched
// to the length that is asked for.
func plain(name string, n, least, most int) string {
	text := []rune("sample " + name)
	if n > 0 {
		text = append(text, []rune(fmt.Sprintf(" %d", n+1))...)
	}
	if cut := max(0, len(text)-most); n > 0 {
		text = text[cut:] // the number makes the difference
	} else {
		text = text[:len(text)-cut]
	}
	return string(text) + strings.Repeat(".", max(0, least-len(text)))
}

// What package syntax does not read of ECMA-262, or writes in another way. What
// a look-around asks for is left to luck.
var (
	lookAround = regexp.MustCompile(`\(\?<?[=!](?:[^()\\\[]|\\.|\[(?:[^\]\\]|\\.)*\]|\((?:[^()\\]|\\.)*\))*\)`)
	unicodeSet = regexp.MustCompile(`(\\[pP]\{)\w+=`)
	codePoint  = regexp.MustCompile(`\\u(?:\{([0-9a-fA-F]+)\}|([0-9a-fA-F]{4}))`)
)

// matches are texts of several lengths that a pattern may match.
func matches(pattern string, n int) []string {
	pattern = lookAround.ReplaceAllString(pattern, "")
	pattern = unicodeSet.ReplaceAllString(pattern, "$1")
	pattern = codePoint.ReplaceAllString(pattern, `\x{$1$2}`)
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

// match has so many repetitions at each place that allows for any number, and
// half of them in what is repeated.
func match(re *syntax.Regexp, more, n int) string {
	switch re.Op {
	case syntax.OpLiteral:
		return string(re.Rune)
	case syntax.OpCharClass:
		return string(oneOf(re.Rune, n))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return string(oneOf([]rune{'a', 'z'}, n))
	case syntax.OpAlternate:
		return match(re.Sub[n%len(re.Sub)], more, n)
	}
	times, below := 1, more
	switch re.Op {
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

// oneOf picks a character of a class, given as pairs of first and last: a letter
// or a digit if there are any.
func oneOf(class []rune, n int) rune {
	var usual []rune
	for _, r := range "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890" {
		for i := 0; i+1 < len(class); i += 2 {
			if class[i] <= r && r <= class[i+1] {
				usual = append(usual, r)
			}
		}
	}
	switch {
	case len(usual) > 0:
		return usual[n%len(usual)]
	case len(class) > 0:
		return class[0]
	}
	return utf8.RuneError
}
