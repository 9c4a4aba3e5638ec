package narada

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// member is one name and value of a JSON object, with the places of both in
// the object's text.
type member struct {
	name       string // decoded
	value      json.RawMessage
	start, end int // the text from the name's quote to the value's last byte
}

// members lists the members of the JSON object doc, which must be one object
// and nothing else, in their order and with duplicates.
//
// encoding/json decodes an object into a struct without regard to case and
// lets the last of two equal names win. What a secret is compared with, and
// what is masked, must not depend on that.
func members(doc []byte) ([]member, error) {
	if !json.Valid(doc) {
		return nil, whyInvalid(doc)
	}
	return validMembers(doc)
}

// validMembers is members for a doc that is known to be valid JSON.
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

// The functions below go over JSON that is known to be valid.

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

// whyInvalid words what is wrong with a text that is not one JSON value.
func whyInvalid(doc []byte) error {
	var value json.RawMessage
	switch err := json.NewDecoder(bytes.NewReader(doc)).Decode(&value); {
	case err == nil:
		return errors.New("more text after the JSON object")
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the JSON text ends too early")
	default:
		return fmt.Errorf("not valid JSON: %w", err)
	}
}

// single returns the value of the one member called name, nil when there is
// none. Two members that are called so, or alike but for case, are an error:
// different programs would read different ones.
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
		return nil, fmt.Errorf("%q stands there more than once", name)
	}
	return exact, nil
}

// cut returns doc without its one member called name, in any case, and with
// every other byte as it was.
func cut(doc []byte, list []member, name string) []byte {
	for i, m := range list {
		if strings.EqualFold(m.name, name) {
			return cutAt(doc, list, i)
		}
	}
	return append([]byte(nil), doc...)
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
	return append(append([]byte(nil), doc[:from]...), doc[to:]...)
}
