package task

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/narada-cli/narada/pkg/schema"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/yamljson"
)

// maxJSON is the most bytes that a JSON or YAML file may have.
const maxJSON = 4 << 20

// LoadSchema reads the JSON Schema at path, or on standard input for -, and
// compiles it if answers are to be checked. Otherwise any JSON will do, which is
// for the cloud to judge.
func LoadSchema(path string, check bool, source *secret.Source) (json.RawMessage, *schema.Schema, error) {
	doc, err := loadJSON("--schema", path, schema.MaxSize, source)
	if err != nil {
		return nil, nil, err
	}
	if name, line, ok := yamljson.Repeated(doc); ok {
		return nil, nil, inputError("", "--schema: %s: line %d: duplicate member %q", path, line, name)
	}
	if !check {
		return doc, nil, nil
	}
	compiled, err := schema.Compile(doc)
	if err != nil {
		return nil, nil, inputError(sendUnchecked, "--schema: %s: %v", path, err)
	}
	return doc, compiled, nil
}

// sendUnchecked is what to do about a schema that narada does not understand.
const sendUnchecked = "--no-validate takes any JSON as the schema, and does not check the answer"

// LoadJSON reads the JSON value in the file at path, or on standard input for -, for
// the flag of that name. It may have 4 MiB.
func LoadJSON(flag, path string, source *secret.Source) (json.RawMessage, error) {
	return loadJSON(flag, path, maxJSON, source)
}

func loadJSON(flag, path string, limit int64, source *secret.Source) (json.RawMessage, error) {
	var text string
	var err error
	if path == "-" {
		var r io.Reader
		if r, err = source.TakeStdin(); err == nil {
			text, err = readAllText(r, limit)
		}
	} else {
		text, err = readText(path, limit)
	}
	if err != nil {
		return nil, inputError("", "%s: %v", flag, err)
	}
	if err := checkJSON(text); err != nil {
		return nil, inputError("", "%s: %s: %v", flag, path, err)
	}
	return json.RawMessage(text), nil
}

// readJSON returns the JSON value that text is, or that the file or standard
// input holds which file:PATH or - name.
func readJSON(text string, source *secret.Source) (json.RawMessage, error) {
	var err error
	if path, isFile := strings.CutPrefix(text, "file:"); isFile {
		text, err = readText(path, maxJSON)
	} else if text == "-" {
		var r io.Reader
		if r, err = source.TakeStdin(); err == nil {
			text, err = readAllText(r, maxJSON)
		}
	}
	if err != nil {
		return nil, err
	}
	if err := checkJSON(text); err != nil {
		return nil, err
	}
	return json.RawMessage(text), nil
}

// checkJSON reports where text stops being one JSON value.
func checkJSON(text string) error {
	if !utf8.ValidString(text) {
		return errNotText
	}
	var value json.RawMessage
	err := json.Unmarshal([]byte(text), &value)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		before := text[:min(max(int(syntax.Offset)-1, 0), len(text))] // of the byte that is wrong
		line, column := strings.Count(before, "\n")+1, len(before)-strings.LastIndex(before, "\n")
		return fmt.Errorf("not valid JSON: %v (line %d, column %d)", syntax, line, column)
	}
	return err
}

// readText reads a text file of at most limit bytes.
func readText(path string, limit int64) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", plainError(path, err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return "", fmt.Errorf("%s is a folder", path)
	} else if err == nil && info.Size() > limit {
		return "", fmt.Errorf("%s is larger than %d MiB", path, limit>>20)
	}
	b, err := readBounded(f, limit)
	if err != nil {
		return "", plainError(path, err)
	}
	text, err := decodeText(b)
	if err != nil {
		return "", fmt.Errorf("%s is %w", path, err)
	}
	return text, nil
}

func readBounded(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("larger than %d MiB", limit>>20)
	}
	return b, nil
}

// decodeText takes a byte order mark off UTF-8 text.
func decodeText(b []byte) (string, error) {
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	if !validText(b) {
		return "", errNotText
	}
	return string(b), nil
}

var errNotText = errors.New("not UTF-8 text")

func validText(b []byte) bool { return utf8.Valid(b) && !bytes.ContainsRune(b, 0) }

// plainError words a file system error as "PATH: no such file or directory".
func plainError(path string, err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", path, pathError.Err)
	}
	return fmt.Errorf("%s: %w", path, err)
}
