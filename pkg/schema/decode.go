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

// The limits of documents. Comparing numbers takes memory that grows with their
// exponents. The library is recursive, takes time that grows with the square of
// the number of subschemas, and stores a JSON pointer for each.
const (
	maxNumber   = 10_000 // characters of one number
	maxExponent = 1000
	maxDepth    = 1000    // nested arrays and objects
	maxNodes    = 20_000  // objects and booleans of a schema
	maxLevels   = 100_000 // nested calls: see Validate

	pointerSize = 800 // bytes of a pointer that count as one more node
)

// size is what a document costs to check.
type size struct {
	depth int // of nested values
	nodes int // objects and booleans, each of which may be a schema
	links int // keywords that apply another schema to the same value
}

var links = map[string]bool{
	"$ref": true, "$recursiveRef": true, "$dynamicRef": true, "allOf": true, "anyOf": true, "oneOf": true,
	"not": true, "if": true, "dependencies": true, "dependentSchemas": true,
}

// decode reads one JSON value. Numbers keep their digits.
func decode(doc []byte) (value any, s size, err error) {
	if value, err = jsonschema.UnmarshalJSON(bytes.NewReader(doc)); err != nil {
		return nil, s, fmt.Errorf("not valid JSON: %w", err)
	}
	return value, s, s.add(value, 0, 0)
}

// add adds the size of a value at a depth. pointer is the length of its pointer.
func (s *size) add(value any, depth, pointer int) (err error) {
	if depth > maxDepth {
		return errors.New("nested too deeply")
	}
	s.depth = max(s.depth, depth)
	switch v := value.(type) {
	case bool:
		s.nodes += 1 + pointer/pointerSize
	case json.Number:
		return checkNumber(string(v))
	case []any:
		for i := 0; i < len(v) && err == nil; i++ {
			err = s.add(v[i], depth+1, pointer+1+len(strconv.Itoa(i)))
		}
	case map[string]any:
		s.nodes += 1 + pointer/pointerSize
		for name, member := range v {
			if links[name] {
				s.links++
			}
			if err == nil {
				err = s.add(member, depth+1, pointer+1+len(name))
			}
		}
	}
	return err
}

// checkNumber refuses a number that takes too much memory to compare:
// 1e999999999 has eleven characters, and a gigabit when it is written out.
func checkNumber(text string) error {
	_, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	n, err := strconv.Atoi(exponent)
	if len(text) > maxNumber || exponent != "" && (err != nil || n > maxExponent || n < -maxExponent) {
		return fmt.Errorf("out of range: a number starts with %.20s", text)
	}
	return nil
}
