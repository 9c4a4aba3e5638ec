package task

import (
	"encoding/json"
	"io"
	"strings"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/schema"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/textfile"
	"github.com/narada-cli/narada/pkg/yamljson"
)

// maxJSON is the maximum size of a JSON or YAML file in bytes.
const maxJSON = 4 << 20

// LoadSchema reads the JSON Schema at path, or standard input for -. With check it
// compiles the schema; without, any JSON is accepted.
func LoadSchema(path string, check bool, source *secret.Source) (json.RawMessage, *schema.Schema, error) {
	doc, err := loadJSON(path, schema.MaxSize, source)
	if err != nil {
		return nil, nil, inputError("", "--schema: %v", err)
	}
	if !check {
		return doc, nil, nil
	}
	compiled, err := schema.Compile(doc)
	if err != nil {
		return nil, nil, inputError("use --no-validate to send the schema unchecked and not check the answer", "--schema: %s: %v", path, err)
	}
	return doc, compiled, nil
}

// LoadJSON reads the JSON value in the file at path, or standard input for -, of at most
// 4 MiB. Errors name the flag.
func LoadJSON(flag, path string, source *secret.Source) (json.RawMessage, error) {
	doc, err := loadJSON(path, maxJSON, source)
	if err != nil {
		return nil, inputError("", "%s: %v", flag, err)
	}
	return doc, nil
}

func loadJSON(path string, limit int64, source *secret.Source) (json.RawMessage, error) {
	text, err := readInput(path, limit, source)
	if err != nil {
		return nil, err
	}
	if err := checkJSON(text); err != nil {
		return nil, textfile.Named(path, err)
	}
	return json.RawMessage(text), nil
}

// readJSON returns the JSON value text, or that of the file for file:PATH, or of standard
// input for -.
func readJSON(text string, source *secret.Source) (json.RawMessage, error) {
	if path, isFile := strings.CutPrefix(text, "file:"); isFile || text == "-" {
		return loadJSON(path, maxJSON, source)
	}
	return json.RawMessage(text), checkJSON(text)
}

// checkJSON returns an error with the line if text is not one JSON value without duplicate
// names.
func checkJSON(text string) error {
	if err := textfile.Check(text); err != nil {
		return err
	}
	return yamljson.CheckJSON([]byte(text))
}

// readInput reads the text of the file at path, or of standard input for -, of at most
// limit bytes.
func readInput(path string, limit int64, source *secret.Source) (text string, err error) {
	if path == "-" {
		path = "stdin"
		var stdin io.Reader
		if stdin, err = source.TakeStdin(); err != nil {
			return "", err
		}
		text, err = textfile.Read(stdin, limit)
	} else {
		text, err = source.ReadFile(path, limit)
	}
	if err != nil {
		return "", textfile.Named(path, err)
	}
	return text, nil
}

// JSONObject returns the JSON object whose members are given by a flag as NAME=VALUE, where
// VALUE is JSON, file:PATH or - for standard input. Errors name the flag.
func JSONObject(flag string, fields []string, source *secret.Source) (json.RawMessage, error) {
	members := map[string]json.RawMessage{}
	err := eachPair(flag, fields, map[string]bool{}, func(name, text string) (err error) {
		members[name], err = readJSON(text, source)
		return err
	})
	if err != nil {
		return nil, err
	}
	return narada.EncodeJSON(members)
}
