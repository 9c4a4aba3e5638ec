package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"

	"github.com/narada-cli/narada/pkg/atomicfile"
	"github.com/narada-cli/narada/pkg/private"
	"github.com/narada-cli/narada/pkg/textfile"
	"github.com/narada-cli/narada/pkg/yamljson"
)

// maxFile is the maximum size of a config file in bytes.
const maxFile = 1 << 20

// readFile reads the YAML file at path into a viper, and warns about unknown settings.
func (s *Settings) readFile(path string, f io.Reader) (*viper.Viper, *decoder, error) {
	text, err := textfile.Read(f, maxFile)
	if err != nil {
		return nil, nil, fileError(path, err)
	}
	v, d, err := parseFile(text)
	if err != nil {
		return nil, nil, fileError(path, err)
	}
	for _, name := range d.unknown {
		unknown := &UnknownKeyError{name}
		s.warn("%s: %v; %s", path, unknown, unknown.Hint())
	}
	return v, d, nil
}

// parseFile parses the text of a config file.
func parseFile(text string) (*viper.Viper, *decoder, error) {
	d := &decoder{profiles: map[string]map[string]any{}}
	v := newViper(viper.WithDecoderRegistry(d))
	v.SetConfigType("yaml")
	err := v.ReadConfig(strings.NewReader(text))
	return v, d, err
}

// decoder decodes a config file for viper as strictly as a task file. A value is the text
// in the file, so that an ID such as 0123 is not a number. Profiles and unknown names do
// not go through viper, which loses their case.
type decoder struct {
	profiles map[string]map[string]any // the settings of each profile, by its name in lower case
	names    []string                  // of the profiles, as written
	unknown  []string                  // names of unknown settings, as written
}

// Decoder implements viper.DecoderRegistry.
func (d *decoder) Decoder(string) (viper.Decoder, error) { return d, nil }

// Decode implements viper.Decoder.
func (d *decoder) Decode(text []byte, into map[string]any) error {
	root, err := yamljson.Parse(text)
	if err != nil || root == nil {
		return err
	}
	return d.mapping(root, "", into)
}

// mapping reads the settings in a mapping, whose names begin with prefix.
func (d *decoder) mapping(n *yaml.Node, prefix string, into map[string]any) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("not valid YAML (line %d): expected a mapping", n.Line)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := prefix+n.Content[i].Value, n.Content[i+1]
		var err error
		switch {
		case value.ShortTag() == "!!null":
		case value.Kind == yaml.ScalarNode:
			err = d.value(name, value, into)
		case value.Kind == yaml.SequenceNode:
			err = fmt.Errorf("line %d: %s must be a single value", value.Line, name)
		case strings.EqualFold(prefix, "profiles."):
			err = d.profile(n.Content[i], value)
		default:
			err = d.mapping(value, name+".", into)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) profile(name, n *yaml.Node) error {
	profile, settings := strings.ToLower(name.Value), map[string]any{}
	if d.profiles[profile] != nil {
		return fmt.Errorf("line %d: duplicate profile %s", name.Line, name.Value)
	}
	d.profiles[profile], d.names = settings, append(d.names, name.Value)
	return d.mapping(n, "", settings)
}

func (d *decoder) value(name string, n *yaml.Node, into map[string]any) error {
	key, known := FindKey(strings.ToLower(name))
	if !known {
		d.unknown = append(d.unknown, name)
		return nil
	}
	if _, twice := into[key.Name]; twice {
		return fmt.Errorf("line %d: duplicate setting %s", n.Line, key.Name)
	}
	into[key.Name] = n.Value
	return nil
}

// ErrNotSet is the error of removing a setting that is not in the file.
var ErrNotSet = yamljson.ErrNotSet

// Setting is a setting to be written; Value nil removes it.
type Setting struct {
	Name  string
	Value *string
}

// Write is WriteAll for one setting.
func Write(path, profile, name string, value *string) error {
	return WriteAll(path, profile, Setting{name, value})
}

// WriteAll sets settings in the user file at path, in the profile if it is not ""; value nil
// removes it, or is ErrNotSet. Comments and order are kept. The file is replaced atomically and has mode
// 0600.
func WriteAll(path, profile string, settings ...Setting) error {
	if path == "" {
		return errors.New("no folder for the config file: " + Home("AppData") + " is not set")
	}
	old, err := textfile.ReadRegular(path, maxFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fileError(path, err)
	}
	text := []byte(old)
	for _, s := range settings {
		steps := strings.Split(s.Name, ".")
		if profile != "" {
			steps = append([]string{"profiles", profile}, steps...)
		}
		text, err = yamljson.Set(text, steps, s.Value)
		if err == ErrNotSet {
			return err
		}
		if err != nil {
			return fileError(path, err)
		}
	}
	if err := private.MkdirAll(filepath.Dir(path)); err != nil {
		return fileError(path, err)
	}
	target := path // dotfiles are often links into a repository
	if linked, err := filepath.EvalSymlinks(path); err == nil {
		target = linked
	}
	if err := atomicfile.Write(target, text); err != nil {
		return fileError(path, err)
	}
	return nil
}

// fileError returns an *InvalidError for the file. For invalid YAML it has only the line:
// the text may be a key.
func fileError(path string, err error) error {
	if parsing, ok := errors.AsType[viper.ConfigParseError](err); ok {
		err = parsing.Unwrap()
	}
	if syntax, ok := errors.AsType[*yamljson.SyntaxError](err); ok {
		err = fmt.Errorf("not valid YAML (line %d)", syntax.Line)
	}
	return &InvalidError{What: "config file " + path, Err: textfile.Cause(err)}
}
