package yamljson

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ErrNotSet is the error of removing a value that is not set.
var ErrNotSet = errors.New("not set")

// Set returns the YAML document in text with the single value at path set or, for nil,
// removed. Path has the name of each mapping on the way; names ignore case and may be
// joined with dots in the document. Comments and order are kept. The error is ErrNotSet if
// there is no value to remove.
func Set(text []byte, path []string, value *string) ([]byte, error) {
	doc, err := document(text)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if doc == nil {
		doc = &yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode}}}
		out.Write(text) // only comments
		if len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
			out.WriteByte('\n')
		}
	}
	if doc.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("not a YAML mapping")
	}
	if err := setNode(doc.Content[0], path, value); err != nil {
		return nil, err
	}
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	err = enc.Encode(doc)
	return out.Bytes(), err
}

func setNode(mapping *yaml.Node, path []string, value *string) error {
	if len(mapping.Content) == 0 {
		mapping.Style = 0 // not as {}
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		name, node := mapping.Content[i].Value, mapping.Content[i+1]
		switch {
		case strings.EqualFold(name, strings.Join(path, ".")):
			if node.Kind != yaml.ScalarNode {
				return fmt.Errorf("%s is not a single value", name)
			}
			if value == nil {
				mapping.Content = slices.Delete(mapping.Content, i, i+2)
				return nil
			}
			changed := scalar(*value)
			changed.LineComment = node.LineComment
			mapping.Content[i+1] = changed
			return nil
		case len(path) > 1 && strings.EqualFold(name, path[0]):
			if node.Tag == "!!null" { // nothing under it yet
				*node = yaml.Node{Kind: yaml.MappingNode}
			}
			if node.Kind != yaml.MappingNode {
				return fmt.Errorf("%s is not a mapping", name)
			}
			if err := setNode(node, path[1:], value); err != nil {
				return err
			}
			if value == nil && len(node.Content) == 0 { // it was the last one
				mapping.Content = slices.Delete(mapping.Content, i, i+2)
			}
			return nil
		}
	}
	switch {
	case value == nil:
		return ErrNotSet
	case len(path) == 1:
		mapping.Content = append(mapping.Content, scalar(path[0]), scalar(*value))
	default:
		child := &yaml.Node{Kind: yaml.MappingNode}
		mapping.Content = append(mapping.Content, scalar(path[0]), child)
		return setNode(child, path[1:], value)
	}
	return nil
}

func scalar(value string) *yaml.Node {
	var n yaml.Node
	n.SetString(value)
	return &n
}
