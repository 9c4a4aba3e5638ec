// Package yamljson reads YAML and JSON files alike, as JSON.
//
// What is read is kept as it was written where JSON can say it: members in their
// order, numbers digit by digit. Left out of YAML on purpose are anchors and
// aliases, with which a small file can be a huge value, merge keys, and more
// than one document in a file. A name may stand in an object once only.
//
// The package is private to narada.
package yamljson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Read returns the JSON value that text, a YAML or JSON document, stands for;
// nil when there is none in it. Errors name the line.
func Read(text []byte) (json.RawMessage, error) {
	if json.Valid(text) {
		if name, line, ok := Repeated(text); ok {
			return nil, fmt.Errorf("line %d: %q stands there twice", line, name)
		}
		return json.RawMessage(text), nil
	}
	root, err := Parse(text)
	if err != nil || root == nil {
		return nil, err
	}
	return Encode(root)
}

// Parse returns the root of a YAML document, nil when there is none. It refuses
// anchors, aliases and a second document.
func Parse(text []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, plain(err)
	}
	if err := refuseAliases(&doc); err != nil {
		return nil, err
	}
	var second yaml.Node
	if err := dec.Decode(&second); err == nil {
		return nil, fmt.Errorf("line %d: a second document begins", second.Line)
	} else if !errors.Is(err, io.EOF) {
		return nil, plain(err)
	}
	return doc.Content[0], nil
}

// plain takes the library's name off its errors.
func plain(err error) error { return errors.New(strings.TrimPrefix(err.Error(), "yaml: ")) }

func refuseAliases(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return fmt.Errorf("line %d: aliases and anchors are not understood", n.Line)
	}
	for _, child := range n.Content {
		if err := refuseAliases(child); err != nil {
			return err
		}
	}
	return nil
}

// Encode writes a YAML value as JSON.
func Encode(n *yaml.Node) (json.RawMessage, error) {
	var b bytes.Buffer
	if err := write(&b, n); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func write(b *bytes.Buffer, n *yaml.Node) error {
	switch n.Kind {
	case yaml.MappingNode:
		return writeObject(b, n)
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := write(b, item); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	}
	var value any
	switch n.ShortTag() {
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			b.WriteString(n.Value)
			return nil
		}
		if err := n.Decode(&value); err != nil {
			return plain(err)
		}
	case "!!bool", "!!null":
		if err := n.Decode(&value); err != nil {
			return plain(err)
		}
	default: // dates too: JSON has none
		value = n.Value
	}
	text, err := encode(value)
	if err != nil {
		return fmt.Errorf("line %d: %s cannot be written as JSON", n.Line, n.Value)
	}
	b.Write(text)
	return nil
}

func writeObject(b *bytes.Buffer, n *yaml.Node) error {
	seen := make(map[string]bool)
	b.WriteByte('{')
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge":
			return fmt.Errorf("line %d: a name in an object must be a text", key.Line)
		case seen[key.Value]:
			return fmt.Errorf("line %d: %q stands there twice", key.Line, key.Value)
		}
		seen[key.Value] = true
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := encode(key.Value)
		if err != nil {
			return err
		}
		b.Write(append(name, ':'))
		if err := write(b, n.Content[i+1]); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

// encode is json.Marshal without the escapes that are there for HTML.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Repeated finds a name that stands twice in one object of valid JSON text, of which
// encoding/json would take the last. line is that of the second, from 1.
func Repeated(text []byte) (name string, line int, ok bool) {
	type level struct {
		names map[string]bool // nil in an array
		name  bool            // a name comes next
	}
	var levels []level
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	for {
		token, err := dec.Token()
		if err != nil { // the end: the text is valid
			return "", 0, false
		}
		if delim, ok := token.(json.Delim); ok && (delim == '}' || delim == ']') {
			levels = levels[:len(levels)-1]
			continue
		}
		if n := len(levels); n > 0 && levels[n-1].names != nil {
			at := &levels[n-1]
			if at.name {
				name := token.(string)
				if at.names[name] {
					return name, 1 + bytes.Count(text[:dec.InputOffset()], []byte("\n")), true
				}
				at.names[name] = true
			}
			at.name = !at.name
		}
		switch token {
		case json.Delim('{'):
			levels = append(levels, level{names: map[string]bool{}, name: true})
		case json.Delim('['):
			levels = append(levels, level{})
		}
	}
}
