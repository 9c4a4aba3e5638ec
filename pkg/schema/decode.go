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

// The limits of documents. Comparing numbers takes memory that grows with their
// exponents. The library recurses, takes time that grows with the square of the
// number of subschemas, and keeps a JSON pointer for each.
const (
	maxNumber   = 10_000 // characters of one number
	maxExponent = 1000
	maxDepth    = 1000     // nested arrays and objects
	maxNodes    = 20_000   // objects and booleans of a schema
	maxPointers = 16 << 20 // bytes of the pointers to them
	maxLevels   = 100_000  // nested calls: see Validate
)

// size is what a document costs.
type size struct {
	depth    int // of nested values
	nodes    int // objects and booleans, each of which may be a schema
	pointers int // bytes of the pointers to these
	links    int // keywords that lead to another schema for the same value
}

var links = map[string]bool{
	"$ref": true, "$recursiveRef": true, "$dynamicRef": true, "allOf": true, "anyOf": true, "oneOf": true,
	"not": true, "if": true, "dependencies": true, "dependentSchemas": true,
}

// decode reads one JSON value with its numbers as they are written.
func decode(doc []byte) (value any, s size, err error) {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	if err := dec.Decode(&value); err != nil {
		return nil, s, fmt.Errorf("not valid JSON: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, s, errors.New("not valid JSON: there is something after the value")
	}
	return value, s, s.add(value, 0, 0)
}

// add adds a value at a depth, with a pointer of so many bytes.
func (s *size) add(value any, depth, pointer int) (err error) {
	if depth > maxDepth {
		return errors.New("nested too deeply")
	}
	s.depth = max(s.depth, depth)
	switch v := value.(type) {
	case bool:
		s.nodes, s.pointers = s.nodes+1, s.pointers+pointer
	case json.Number:
		return checkNumber(string(v))
	case []any:
		for i := 0; i < len(v) && err == nil; i++ {
			err = s.add(v[i], depth+1, pointer+1+len(strconv.Itoa(i)))
		}
	case map[string]any:
		s.nodes, s.pointers = s.nodes+1, s.pointers+pointer
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

// checkNumber refuses what would take too much memory to compare: 1e999999999 is
// eleven characters, and a gigabit when written out.
func checkNumber(text string) error {
	_, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	n, err := strconv.Atoi(exponent)
	if len(text) > maxNumber || exponent != "" && (err != nil || n > maxExponent || n < -maxExponent) {
		return fmt.Errorf("out of range: a number begins with %.20s", text)
	}
	return nil
}

// firstSeen says in which order the names and texts of valid JSON first come.
func firstSeen(doc []byte) map[string]int {
	order := make(map[string]int)
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	for {
		token, err := dec.Token()
		if err != nil {
			return order
		}
		if name, ok := token.(string); ok && order[name] == 0 {
			order[name] = len(order) + 1
		}
	}
}
