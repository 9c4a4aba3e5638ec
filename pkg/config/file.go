package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"

	"github.com/narada-cli/narada/pkg/wholefile"
)

// maxFile is the most bytes that a config file may have.
const maxFile = 1 << 20

// readFile returns the settings in a YAML file, by their dotted names.
func readFile(path string) (map[string]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	if len(text) > maxFile {
		return nil, fileError(path, fmt.Errorf("larger than %d bytes", maxFile))
	}
	v := viper.New()
	v.SetConfigType("yaml")
	if err := v.ReadConfig(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff")))); err != nil {
		return nil, fileError(path, yamlError(err))
	}
	written := map[string]string{}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fileError(path, yamlError(err))
	}
	if err := oneDocument(text); err != nil {
		return nil, fileError(path, err)
	}
	if err := asWritten(&doc, "", written); err != nil {
		return nil, fileError(path, err)
	}
	values := map[string]string{}
	for _, name := range v.AllKeys() {
		value, single := written[name]
		if !single {
			return nil, fileError(path, fmt.Errorf("%s must be a single value", name))
		}
		values[name] = value
	}
	return values, nil
}

// oneDocument refuses a second document, which nothing would look at.
func oneDocument(text []byte) error {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	for n := 0; ; n++ {
		switch err := dec.Decode(&doc); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return yamlError(err)
		case n > 0:
			return fmt.Errorf("line %d: a second document begins", doc.Line)
		}
	}
}

// asWritten collects the scalars below n by their dotted names, in the case that
// viper gives names and with the text that stands in the file: an ID such as
// 0123 is no number.
func asWritten(n *yaml.Node, name string, into map[string]string) error {
	switch n.Kind {
	case yaml.AliasNode:
		return fmt.Errorf("line %d: YAML aliases are not understood here", n.Line)
	case yaml.DocumentNode:
		return asWritten(n.Content[0], name, into)
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			child := strings.ToLower(n.Content[i].Value)
			if name != "" {
				child = name + "." + child
			}
			if err := asWritten(n.Content[i+1], child, into); err != nil {
				return err
			}
		}
	case yaml.ScalarNode:
		if _, twice := into[name]; twice {
			return fmt.Errorf("line %d: %s stands there twice", n.Line, name)
		}
		if n.Tag == "!!null" {
			n.Value = ""
		}
		into[name] = n.Value
	}
	return nil
}

// yamlError keeps the line of a YAML error and drops the rest: it quotes what
// stands there, which may be a key.
func yamlError(err error) error {
	if line := regexp.MustCompile(`line \d+`).FindString(err.Error()); line != "" {
		return fmt.Errorf("not valid YAML (%s)", line)
	}
	return errors.New("not valid YAML")
}

// Write sets the setting called name in the user file at path, in the named
// profile if there is one; value nil takes it out. Comments and the order of the
// rest stay. The file is replaced as a whole and has mode 0600.
func Write(path, profile, name string, value *string) error {
	if path == "" {
		return errors.New("no place for a config file: HOME is not set")
	}
	var doc yaml.Node
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return fileError(path, err)
	default:
		if err := yaml.Unmarshal(text, &doc); err != nil {
			return fileError(path, yamlError(err))
		}
	}
	blank := len(doc.Content) == 0
	if blank {
		doc = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode}}}
	}
	if doc.Content[0].Kind != yaml.MappingNode {
		return fileError(path, errors.New("not a YAML mapping"))
	}
	steps := strings.Split(name, ".")
	if profile != "" {
		steps = append([]string{"profiles", profile}, steps...)
	}
	if err := setNode(doc.Content[0], steps, value); err != nil {
		return fileError(path, err)
	}
	var out bytes.Buffer
	if blank {
		out.Write(text) // comments alone
	}
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(&doc); err != nil {
		return fileError(path, err)
	}
	return replaceFile(path, out.Bytes())
}

// setNode sets or, for a nil value, removes what the steps lead to. A name that
// is spelt with its dots ("ngrok.authtoken: x") is found too.
func setNode(mapping *yaml.Node, steps []string, value *string) error {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		name, node := mapping.Content[i].Value, mapping.Content[i+1]
		if strings.EqualFold(name, strings.Join(steps, ".")) {
			if node.Kind != yaml.ScalarNode {
				return fmt.Errorf("%s is not a single value there", name)
			}
			if value == nil {
				mapping.Content = append(mapping.Content[:i], mapping.Content[i+2:]...)
				return nil
			}
			comment := node.LineComment
			*node = scalar(*value)
			node.LineComment = comment
			return nil
		}
		if len(steps) > 1 && strings.EqualFold(name, steps[0]) {
			if node.Kind == yaml.ScalarNode && node.Tag == "!!null" { // nothing under it yet
				*node = yaml.Node{Kind: yaml.MappingNode}
			}
			if node.Kind != yaml.MappingNode {
				return fmt.Errorf("%s is not a mapping there", name)
			}
			return setNode(node, steps[1:], value)
		}
	}
	if value == nil {
		return nil
	}
	key := scalar(steps[0])
	if len(steps) == 1 {
		node := scalar(*value)
		mapping.Content = append(mapping.Content, &key, &node)
		return nil
	}
	child := &yaml.Node{Kind: yaml.MappingNode}
	mapping.Content = append(mapping.Content, &key, child)
	return setNode(child, steps[1:], value)
}

func scalar(value string) yaml.Node {
	var n yaml.Node
	n.SetString(value)
	return n
}

func replaceFile(path string, content []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fileError(path, err)
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // dotfiles are often links into a repository
	}
	if err := wholefile.Write(path, content); err != nil {
		return fileError(path, err)
	}
	return nil
}
