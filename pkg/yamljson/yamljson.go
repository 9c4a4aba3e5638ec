// Package yamljson reads YAML and JSON files as JSON, and sets single values in YAML
// files.
//
// Values are those of the core schema of YAML 1.2: yes, 1_000, 12:30:00 and dates are strings.
// Members keep their order and decimal numbers their digits; hexadecimal and octal numbers
// (0x1f, 0o17) become decimal ones. A number that JSON cannot have as it is written, such as
// 02134 and +49, must be quoted. Not supported are anchors and aliases, with which a small
// file can be a huge value, merge keys, duplicate names, other tags than those of the core
// schema, and more than one document in a file.
//
// The package is private to narada.
package yamljson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/narada-cli/narada/pkg/narada"
)

// Read returns the JSON value of a YAML or JSON document, nil if it is empty. Errors have
// the line.
func Read(text []byte) (json.RawMessage, error) {
	if json.Valid(text) {
		return json.RawMessage(text), CheckJSON(text)
	}
	root, err := Parse(text)
	if err != nil || root == nil {
		return nil, err
	}
	return Encode(root)
}

// Parse returns the root of a YAML document, nil if it is empty. Its scalars have the tags of
// the core schema. It refuses anchors, aliases, merge keys, other tags, duplicate names and a
// second document.
func Parse(text []byte) (*yaml.Node, error) {
	doc, err := document(text)
	if doc == nil || err != nil {
		return nil, err
	}
	root := doc.Content[0]
	return root, resolve(root)
}

// document is Parse with the comments around the root.
func document(text []byte) (*yaml.Node, error) {
	text = JoinSurrogates(text)
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, syntaxError(err, text)
	}
	if err := check(&doc); err != nil {
		return nil, err
	}
	var second yaml.Node
	if err := dec.Decode(&second); err == nil {
		return nil, fmt.Errorf("line %d: expected one document", second.Line)
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxError(err, text)
	}
	return &doc, nil
}

// SyntaxError is the error of invalid YAML. Its text may quote the document.
type SyntaxError struct {
	Line int // from 1
	text string
}

func (e *SyntaxError) Error() string { return e.text }

// syntaxError returns the library's error for a document. The library names no line if it is
// the first, or for a character that YAML does not have.
func syntaxError(err error, text []byte) error {
	e := &SyntaxError{text: strings.TrimPrefix(err.Error(), "yaml: ")}
	if _, scanErr := fmt.Sscanf(e.text, "line %d:", &e.Line); scanErr == nil {
		return e
	}
	before := text[:max(bytes.IndexFunc(text, notYAML), 0)]
	e.Line = lineAt(before)
	e.text = fmt.Sprintf("line %d: %s", e.Line, e.text)
	return e
}

// notYAML reports whether a character is one that YAML does not have.
func notYAML(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r >= 0x7f && r < 0xa0 && r != 0x85 || r == 0xfeff || r == 0xfffe || r == 0xffff
}

// tags are those that a document may have.
var tags = []string{tagNull, tagBool, tagInt, tagFloat, tagString, "!!map", "!!seq"}

// check refuses the parts of YAML that are not supported.
func check(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return fmt.Errorf("line %d: aliases and anchors are not supported", n.Line)
	}
	if n.Style&yaml.TaggedStyle != 0 && !slices.Contains(tags, n.ShortTag()) {
		return fmt.Errorf("line %d: the tag %s is not supported", n.Line, n.Tag)
	}
	seen := make(map[string]bool)
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			switch {
			case child.Kind != yaml.ScalarNode || child.ShortTag() == "!!merge":
				return fmt.Errorf("line %d: a name in an object must be a string", child.Line)
			case seen[child.Value]:
				return fmt.Errorf("line %d: duplicate name %q", child.Line, child.Value)
			}
			seen[child.Value] = true
		}
		if err := check(child); err != nil {
			return err
		}
	}
	return nil
}

// Encode returns a value that Parse read as JSON.
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
	text, err := encodeScalar(n)
	b.Write(text)
	return err
}

func writeObject(b *bytes.Buffer, n *yaml.Node) error {
	b.WriteByte('{')
	for i := 0; i+1 < len(n.Content); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := narada.EncodeJSON(n.Content[i].Value)
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

// Repeated finds a duplicate name in an object of valid JSON, of which encoding/json would
// take the last. line is that of the second, from 1.
func Repeated(text []byte) (name string, line int, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if name, ok = repeated(dec); ok {
		line = lineAt(text[:dec.InputOffset()])
	}
	return name, line, ok
}

// repeated reads one value, up to the duplicate.
func repeated(dec *json.Decoder) (name string, ok bool) {
	token, _ := dec.Token() // the text is valid
	open, _ := token.(json.Delim)
	if open == 0 {
		return "", false
	}
	seen := map[string]bool{}
	for dec.More() {
		if open == '{' {
			token, _ := dec.Token()
			name, _ := token.(string)
			if seen[name] {
				return name, true
			}
			seen[name] = true
		}
		if name, ok := repeated(dec); ok {
			return name, true
		}
	}
	_, _ = dec.Token() // the end of the object or array
	return "", false
}
