package task

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/textfile"
	"github.com/narada-cli/narada/pkg/yamljson"
)

// written resolves the references in a YAML or JSON file, which may come with a cloned
// repository: to files in its folder, and to environment variables that are allowed.
type written struct {
	disk     disk
	source   *secret.Source
	allowEnv []string
	plan     *Plan
}

// readDocument reads the YAML or JSON file at path, or standard input for -, whose folder
// is the working directory. A file called .json must be JSON.
func readDocument(path string, source *secret.Source) (json.RawMessage, folder, error) {
	from := folder{"."}
	if path != "-" {
		from = folder{filepath.Dir(path)}
	}
	text, err := readInput(path, maxJSON, source)
	if err != nil {
		return nil, from, err
	}
	if strings.EqualFold(filepath.Ext(path), ".json") {
		if err := checkJSON(text); err != nil {
			return nil, from, fmt.Errorf("%s: %w", path, err)
		}
	}
	doc, err := yamljson.Read([]byte(text))
	switch {
	case err != nil:
		return nil, from, fmt.Errorf("%s: %w", path, err)
	case doc == nil:
		return nil, from, fmt.Errorf("%s is empty", path)
	}
	return doc, from, nil
}

// secret resolves a secret value: text, env:NAME of an allowed variable, or file:PATH.
func (w *written) secret(text string) (string, error) {
	if text == "" {
		return "", errors.New("the value is empty")
	}
	value := secret.New(text)
	kind, name, reference := strings.Cut(text, ":")
	switch {
	case !reference:
	case kind == "env":
		if w.disk == (nowhere{}) {
			return "", errNowhere
		}
		if !slices.Contains(w.allowEnv, name) {
			return "", fmt.Errorf("the file uses the environment variable %s; allow it with --allow-env %s", name, name)
		}
		var err error
		if value, err = w.source.Resolve(name, text); err != nil {
			return "", err
		}
	case kind == "file":
		f, err := w.disk.open(name)
		if errors.Is(err, errNowhere) {
			return "", err
		}
		if err != nil {
			return "", textfile.Named(name, err)
		}
		defer f.Close()
		if value, err = secret.Read(f, name); err != nil {
			return "", err
		}
		value = value.InFile(f.Name())
	}
	w.plan.hide(value)
	return value.Reveal(), nil
}

// secrets resolves all values of an object; nil for nil.
func (w *written) secrets(values map[string]string) (resolved map[string]string, err error) {
	resolved = maps.Clone(values)
	for _, name := range slices.Sorted(maps.Keys(values)) { // deterministic errors
		if resolved[name], err = w.secret(values[name]); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return resolved, nil
}
