package narada

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// member is a member of a JSON object, with its place in the object's text.
type member struct {
	name       string // decoded
	value      json.RawMessage
	start, end int // the text from the name's quote to the value's last byte
}

// members lists the members of doc, one JSON object, in order and with duplicates.
//
// encoding/json ignores case and takes the last of two equal names. Comparing and
// masking a secret must not depend on that.
func members(doc []byte) ([]member, error) {
	if !json.Valid(doc) {
		var value json.RawMessage
		return nil, fmt.Errorf("not valid JSON: %w", json.Unmarshal(doc, &value))
	}
	return validMembers(doc)
}

// validMembers is members for valid JSON.
func validMembers(doc []byte) ([]member, error) {
	at := skipSpace(doc, 0)
	if doc[at] != '{' {
		return nil, errors.New("not a JSON object")
	}
	var list []member
	for at = skipSpace(doc, at+1); doc[at] != '}'; at = skipSpace(doc, at) {
		if doc[at] == ',' {
			at = skipSpace(doc, at+1)
		}
		m := member{start: at}
		at = skipString(doc, at)
		m.name = unquote(doc[m.start:at])
		value := skipSpace(doc, skipSpace(doc, at)+1) // after the colon
		m.end = skipValue(doc, value)
		m.value = doc[value:m.end:m.end]
		list = append(list, m)
		at = m.end
	}
	return list, nil
}

// The skip functions require valid JSON.

func skipSpace(doc []byte, at int) int {
	for doc[at] == ' ' || doc[at] == '\t' || doc[at] == '\n' || doc[at] == '\r' {
		at++
	}
	return at
}

func skipString(doc []byte, at int) int {
	for at++; doc[at] != '"'; at++ {
		if doc[at] == '\\' {
			at++
		}
	}
	return at + 1
}

func skipValue(doc []byte, at int) int {
	depth := 0
	for {
		switch doc[at] {
		case '"':
			at = skipString(doc, at) - 1
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		default:
			if depth == 0 { // a number or a word
				return at + len(doc[at:]) - len(bytes.TrimLeft(doc[at:], "+-.0123456789eEtrufalsn"))
			}
		}
		if at++; depth == 0 {
			return at
		}
	}
}

// unquote decodes a JSON string.
func unquote(quoted []byte) string {
	if plain := quoted[1 : len(quoted)-1]; bytes.IndexByte(plain, '\\') < 0 && utf8.Valid(plain) {
		return string(plain)
	}
	var text string
	_ = json.Unmarshal(quoted, &text) // it is valid
	return text
}

// single returns the value of the member called name, nil if there is none. A second
// one, in any case, is an error: programs differ in which of the two they read.
func single(list []member, name string) (json.RawMessage, error) {
	var exact json.RawMessage
	alike := 0
	for _, m := range list {
		if !strings.EqualFold(m.name, name) {
			continue
		}
		alike++
		if m.name == name {
			exact = m.value
		}
	}
	if alike > 1 {
		return nil, fmt.Errorf("duplicate %q", name)
	}
	return exact, nil
}

// cut returns a copy of doc without its member called name, in any case. Every other
// byte is unchanged.
func cut(doc []byte, list []member, name string) []byte {
	i := slices.IndexFunc(list, func(m member) bool { return strings.EqualFold(m.name, name) })
	if i < 0 {
		return bytes.Clone(doc)
	}
	return cutAt(doc, list, i)
}

// cutAt returns doc without its i-th member.
func cutAt(doc []byte, list []member, i int) []byte {
	from, to := list[i].start, list[i].end
	switch {
	case i+1 < len(list): // with the comma after it
		to = list[i+1].start
	case i > 0: // with the comma before it
		from = list[i-1].end
	}
	return slices.Concat(doc[:from], doc[to:])
}
