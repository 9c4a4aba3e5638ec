package narada

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
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
	dec := json.NewDecoder(bytes.NewReader(doc))
	open, err := dec.Token()
	if err != nil {
		return nil, syntaxError(err)
	}
	if open != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	var list []member
	for dec.More() {
		before := int(dec.InputOffset())
		token, err := dec.Token()
		if err != nil {
			return nil, syntaxError(err)
		}
		// What stands between two tokens is white space and a comma.
		m := member{name: token.(string), start: before + bytes.IndexByte(doc[before:], '"')}
		if err := dec.Decode(&m.value); err != nil {
			return nil, syntaxError(err)
		}
		m.end = int(dec.InputOffset())
		list = append(list, m)
	}
	if _, err := dec.Token(); err != nil {
		return nil, syntaxError(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("more text after the JSON object")
	}
	return list, nil
}

func syntaxError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON text ends too early")
	}
	return fmt.Errorf("not valid JSON: %w", err)
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
		if !strings.EqualFold(m.name, name) {
			continue
		}
		from, to := m.start, m.end
		switch {
		case i+1 < len(list): // with the comma after it
			to = list[i+1].start
		case i > 0: // with the comma before it
			from = list[i-1].end
		}
		return append(append([]byte(nil), doc[:from]...), doc[to:]...)
	}
	return append([]byte(nil), doc...)
}
