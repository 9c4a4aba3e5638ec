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
	"io"
	"strconv"
	"strings"
)

// MaxSize is the most bytes that a schema may have: what is larger was not
// written by a person, and no model would read it.
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
	program *program
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
	c := newCompiler()
	document, err := c.add(location, value, false)
	if err != nil {
		return nil, err
	}
	program, err := c.compile(document.root)
	if err != nil {
		return nil, err
	}
	rank := make(map[string]int)
	rankProperties(json.NewDecoder(bytes.NewReader(doc)), false, rank)
	return &Schema{program, rank}, nil
}

// decode reads one JSON value with its numbers as they are written.
func decode(doc []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return nil, fmt.Errorf("not valid JSON: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("not valid JSON: there is something after the value")
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

// notASchema is the error of Compile about a document that is JSON. What is
// quoted in it is to be in one line.
func notASchema(format string, args ...any) error {
	return fmt.Errorf("not a JSON Schema: "+format, args...)
}
