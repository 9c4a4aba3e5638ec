// Package secrettest is for tests that look for secrets in what a program prints or
// stores: it writes them in the forms of servers that repeat them, and finds them by undoing
// every encoding.
//
// The package is private to narada, and for tests only.
package secrettest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Forms are the ways in which a server may write a text.
func Forms() map[string]func(string) string {
	return map[string]func(string) string{
		"as it is":                func(s string) string { return s },
		"JSON of Go":              func(s string) string { return JSON(s, true) },
		"JSON":                    func(s string) string { return JSON(s, false) },
		"JSON with \\/":           func(s string) string { return strings.ReplaceAll(JSON(s, false), "/", `\/`) },
		"JSON in ASCII":           asciiJSON(`\u%04x`),
		"JSON in ASCII, capitals": asciiJSON(`\u%04X`),
		"JSON in JSON":            func(s string) string { return JSON(JSON(s, false), true) },
		"JSON in JSON in JSON":    func(s string) string { return JSON(JSON(JSON(s, true), false), true) },
		"query":                   url.QueryEscape,
		"query, small letters":    func(s string) string { return percent.ReplaceAllStringFunc(url.QueryEscape(s), strings.ToLower) },
		"path":                    url.PathEscape,
		"all of it escaped":       percentAll,
		"JSON in a query":         func(s string) string { return url.QueryEscape(JSON(s, true)) },
		"query in JSON":           func(s string) string { return JSON(url.QueryEscape(s), true) },
		"HTML":                    html.EscapeString,
		"HTML in JSON":            func(s string) string { return JSON(html.EscapeString(s), true) },
		"HTML with names":         func(s string) string { return strings.ReplaceAll(html.EscapeString(s), "&#34;", "&quot;") },
		"HTML, hexadecimal":       func(s string) string { return strings.ReplaceAll(html.EscapeString(s), "&#34;", "&#x22;") },
		"HTML with &apos;":        func(s string) string { return strings.ReplaceAll(html.EscapeString(s), "&#39;", "&apos;") },
		"all of it in HTML":       each("&#%d;"),
		"all of it in HTML, hex":  each("&#x%06X;"),
		"Go":                      func(s string) string { return quoted(strconv.Quote(s)) },
		"Go in Go":                func(s string) string { return quoted(strconv.Quote(quoted(strconv.Quote(s)))) },
		"Go in ASCII":             func(s string) string { return quoted(strconv.QuoteToASCII(s)) },
		"Go in JSON":              func(s string) string { return JSON(quoted(strconv.QuoteToASCII(s)), true) },
		"all of it as \\U":        each(`\U%08x`),
		"all of it as \\x":        func(s string) string { return strings.ReplaceAll(percentAll(s), "%", `\x`) },
		"JavaScript":              func(s string) string { return strings.ReplaceAll(asciiJSON(`\u%04x`)(s), `\u00`, `\x`) },
		"JavaScript's escape":     asciiJSON("%%u%04X"),
		"Python":                  func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), "'", `\'`) },
		"base64":                  base64Of(base64.StdEncoding, ""),
		"raw base64":              base64Of(base64.RawStdEncoding, ""),
		"base64 for URLs":         base64Of(base64.URLEncoding, ""),
		"raw base64 for URLs":     base64Of(base64.RawURLEncoding, ""),
		"Basic":                   func(s string) string { return "Basic " + base64Of(base64.StdEncoding, "user:")(s) },
		"Basic without a user":    func(s string) string { return "Basic " + base64Of(base64.StdEncoding, ":")(s) },
		"Basic, as the user":      func(s string) string { return "Basic " + base64Of(base64.StdEncoding, "")(s+":") },
		"a body in base64":        func(s string) string { return base64Of(base64.StdEncoding, `{"a":"`)(JSON(s, false) + `"}`) },
		"its second place":        func(s string) string { return base64Of(base64.RawURLEncoding, `{"ab":"`)(JSON(s, true) + `"}`) },
		"its third place":         func(s string) string { return base64Of(base64.RawURLEncoding, `{"abc":"`)(JSON(s, true) + `"}`) },
		"hexadecimal":             func(s string) string { return fmt.Sprintf("%x", s) },
		"hexadecimal, capitals":   func(s string) string { return fmt.Sprintf("%X", s) },
		"base64 in a query":       func(s string) string { return url.QueryEscape(base64Of(base64.StdEncoding, "")(s)) },
	}
}

// JSON returns the text as it is within a JSON string, with or without escapes for HTML.
func JSON(text string, escapeHTML bool) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(escapeHTML)
	_ = enc.Encode(text) // a string can be encoded
	return strings.TrimSuffix(b.String()[1:], "\"\n")
}

// asciiJSON escapes all but small letters and digits.
func asciiJSON(format string) func(string) string {
	return func(text string) string {
		var b strings.Builder
		for _, r := range text {
			switch {
			case r >= '0' && r <= '9', r >= 'a' && r <= 'z':
				b.WriteRune(r)
			case r > 0xffff:
				fmt.Fprintf(&b, format+format, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
			default:
				fmt.Fprintf(&b, format, r)
			}
		}
		return b.String()
	}
}

// each writes each character in the format.
func each(format string) func(string) string {
	return func(text string) string {
		var b strings.Builder
		for _, r := range text {
			fmt.Fprintf(&b, format, r)
		}
		return b.String()
	}
}

// quoted is what is between the quotes.
func quoted(text string) string { return text[1 : len(text)-1] }

func percentAll(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

func base64Of(e *base64.Encoding, before string) func(string) string {
	return func(s string) string { return e.EncodeToString([]byte(before + s)) }
}

var (
	percent   = regexp.MustCompile(`%[0-9a-fA-F]{2}`)
	units     = regexp.MustCompile(`(%u[0-9a-fA-F]{4})+`)
	backslash = regexp.MustCompile(`(\\u[0-9a-fA-F]{4})+|(\\x[0-9a-fA-F]{2})+|\\U[0-9a-fA-F]{8}|\\.`)
)

// unescaped undoes an escape of JSON, Go, Python or JavaScript. Its two bytes \xc3 \xa4 are
// one character, \xe4 is another notation of it.
func unescaped(escape string) string {
	var text string
	if json.Unmarshal([]byte(`"`+escape+`"`), &text) == nil {
		return text
	}
	if escape == `\'` {
		return "'"
	}
	text, err := strconv.Unquote(`"` + escape + `"`)
	if err != nil {
		return escape
	}
	if !utf8.ValidString(text) {
		var runes []rune
		for _, b := range []byte(text) {
			runes = append(runes, rune(b))
		}
		return string(runes)
	}
	return text
}

// Reveals reports whether the value is in the text, also after up to three levels of escapes
// are undone, or in base64 or hexadecimal.
func Reveals(text, value string) bool { return reveals(text, value, 3) }

func reveals(text, value string, depth int) bool {
	inQuery := strings.ReplaceAll(value, " ", "+")
	if strings.Contains(text, value) || strings.Contains(text, inQuery) || base64Reveals(text, value) ||
		len(value) > 1 && strings.Contains(strings.ToLower(text), fmt.Sprintf("%x", value)) {
		return true
	}
	for _, plain := range []string{
		html.UnescapeString(text),
		percent.ReplaceAllStringFunc(text, func(s string) string { s, _ = url.PathUnescape(s); return s }),
		units.ReplaceAllStringFunc(text, func(s string) string { return unescaped(strings.ReplaceAll(s, "%", `\`)) }),
		backslash.ReplaceAllStringFunc(text, unescaped),
	} {
		if depth > 0 && plain != text && reveals(plain, value, depth-1) {
			return true
		}
	}
	return false
}

var base64Run = regexp.MustCompile(`[0-9A-Za-z+/]{5,}`)

func base64Reveals(text, value string) bool {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(text)
	for _, run := range base64Run.FindAllString(text, -1) {
		for from := range 4 {
			part := run[from:]
			if len(part)%4 == 1 {
				part = part[:len(part)-1]
			}
			plain, _ := base64.RawStdEncoding.DecodeString(part)
			if strings.Contains(string(plain), value) || strings.Contains(string(plain), JSON(value, false)) || strings.Contains(string(plain), JSON(value, true)) {
				return true
			}
		}
	}
	return false
}
