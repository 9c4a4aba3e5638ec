package task

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/narada-cli/narada/pkg/output"
)

// maxDepth is the maximum nesting of an input variable: the time to read it grows with
// the depth.
const maxDepth = 100

// variable plans the uploads in an input variable and returns its value, unchanged except
// for {file: PATH}.
func (w *written) variable(doc json.RawMessage, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested more than %d levels deep", maxDepth)
	}
	dec := json.NewDecoder(bytes.NewReader(doc))
	open, err := dec.Token()
	if err != nil {
		return nil, err
	}
	next := func() (any, error) {
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		return w.variable(value, depth+1)
	}
	switch open {
	case json.Delim('{'):
		object := orderedObject{}
		for dec.More() {
			name, err := dec.Token()
			if err != nil {
				return nil, err
			}
			value, err := next()
			if err != nil {
				return nil, err
			}
			object = append(object, orderedMember{name.(string), value})
		}
		if path, ok := object.file(); ok {
			return w.plan.fileVariable(w.disk, path)
		}
		return object, nil
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			value, err := next()
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	}
	return doc, nil
}

// orderedObject is a JSON object that keeps the order of its members.
type orderedObject []orderedMember

type orderedMember struct {
	name  string
	value any
}

// file returns PATH of {file: PATH}.
func (o orderedObject) file() (path string, ok bool) {
	if len(o) != 1 || o[0].name != "file" {
		return "", false
	}
	doc, ok := o[0].value.(json.RawMessage)
	return path, ok && doc[0] == '"' && json.Unmarshal(doc, &path) == nil
}

// MarshalJSON implements json.Marshaler.
func (o orderedObject) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := output.EncodeJSON(m.name)
		if err != nil {
			return nil, err
		}
		value, err := output.EncodeJSON(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(append(append(name, ':'), value...))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
