// Package schema checks JSON values against a JSON Schema, and makes up values
// that fit one.
//
// It understands drafts 4, 6, 7, 2019-09 and 2020-12: "$schema" decides, and
// without it the document is read as 2020-12. Formats are asserted where the
// draft says so, that is up to draft 7. Patterns are Go's regular expressions
// (RE2): one with look-around is an error of Compile. A schema stands by
// itself: nothing is ever loaded from the disk or the network.
//
// The package is private to narada.
package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// MaxSize is the most bytes that a schema may have: compiling takes time that
// grows with the square of the number of subschemas.
const MaxSize = 1 << 20

// The limits of numbers: comparing them takes memory that grows with their
// exponents.
const (
	maxNumber   = 10_000 // characters of one number
	maxExponent = 1000
)

// Schema is a compiled JSON Schema. It is safe for use by several goroutines at
// once.
type Schema struct {
	plain *jsonschema.Schema
	// formats is the same schema with every format asserted: what is made up
	// has the right format also where the draft takes it as a mere remark.
	formats *jsonschema.Schema
	rank    map[string]int // place of each property's name in the document
}

// The document's own address, which leads nowhere.
const (
	origin   = "narada:///"
	location = origin + "schema"
)

// Compile reads a schema of up to 1 MiB. A "$ref" must lead to a place inside
// the document (or to a draft's own meta-schema, which is built in). Errors say
// what is wrong in one line.
func Compile(doc []byte) (*Schema, error) {
	if len(doc) > MaxSize {
		return nil, fmt.Errorf("the schema is larger than %d MiB", MaxSize>>20)
	}
	value, err := decode(doc)
	if err != nil {
		return nil, fmt.Errorf("the schema is %w", err)
	}
	plain, err := compile(value, false)
	if err != nil {
		return nil, compileError(err)
	}
	formats, err := compile(value, true)
	if err != nil {
		return nil, compileError(err)
	}
	rank := make(map[string]int)
	rankProperties(json.NewDecoder(bytes.NewReader(doc)), false, rank)
	return &Schema{plain: plain, formats: formats, rank: rank}, nil
}

func compile(value any, formats bool) (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(noLoader{})
	if formats {
		c.AssertFormat()
	}
	if err := c.AddResource(location, value); err != nil {
		return nil, err
	}
	return c.Compile(location)
}

var errOutside = errors.New("outside of the schema")

// noLoader is asked for what is not in the document.
type noLoader struct{}

func (noLoader) Load(string) (any, error) { return nil, errOutside }

// compileError words what the compiler found in one line.
func compileError(err error) error {
	if outside, ok := errors.AsType[*jsonschema.LoadURLError](err); ok {
		target := strings.TrimPrefix(outside.URL, origin)
		return fmt.Errorf("the schema refers to %q, which is outside of it: only drafts 4 to 2020-12 in $schema, and $ref to a place in the same document, are understood", target)
	}
	if invalid, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		if v, ok := errors.AsType[*jsonschema.ValidationError](invalid.Err); ok {
			if list := leaves(v); len(list) > 0 {
				at := list[0].Pointer
				if at == "" {
					at = "the top"
				}
				return fmt.Errorf("not a JSON Schema: at %s: %s", at, list[0].Message)
			}
		}
	}
	text := strings.ReplaceAll(err.Error(), location, "")
	return fmt.Errorf("not a JSON Schema: %s", oneLine(text))
}

// decode reads one JSON value with its numbers as they are written.
func decode(doc []byte) (any, error) {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		return nil, fmt.Errorf("not valid JSON: %w", err)
	}
	if err := checkNumbers(value); err != nil {
		return nil, err
	}
	return value, nil
}

// checkNumbers refuses numbers that would take too much memory to compare:
// 1e999999999 is eleven characters, and a gigabit when written out.
func checkNumbers(value any) error {
	switch v := value.(type) {
	case json.Number:
		_, exponent, _ := strings.Cut(strings.ToLower(string(v)), "e")
		n, err := strconv.Atoi(exponent)
		if len(v) > maxNumber || exponent != "" && (err != nil || n > maxExponent || n < -maxExponent) {
			return fmt.Errorf("out of range: a number begins with %.20s", v)
		}
	case []any:
		for _, item := range v {
			if err := checkNumbers(item); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, item := range v {
			if err := checkNumbers(item); err != nil {
				return err
			}
		}
	}
	return nil
}

// rankProperties notes in which order the names under "properties" stand in the
// document, so that what is made up has its members in the author's order.
func rankProperties(dec *json.Decoder, properties bool, rank map[string]int) {
	open, err := dec.Token()
	if err != nil {
		return
	}
	delim, ok := open.(json.Delim)
	if !ok {
		return
	}
	for dec.More() {
		name := ""
		if delim == '{' {
			key, err := dec.Token()
			if err != nil {
				return
			}
			name = key.(string)
			if _, known := rank[name]; properties && !known {
				rank[name] = len(rank)
			}
		}
		rankProperties(dec, name == "properties" && !properties, rank)
	}
	_, _ = dec.Token() // the closing bracket
}

func oneLine(text string) string {
	const most = 300
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + " ..."
	}
	return text
}
