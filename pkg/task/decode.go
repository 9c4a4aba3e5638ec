package task

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/narada-cli/narada/pkg/spelling"
)

// refuseNulls returns an error if a value in valid JSON is null.
func refuseNulls(doc json.RawMessage) error {
	dec := json.NewDecoder(bytes.NewReader(doc))
	for {
		token, err := dec.Token()
		if err != nil { // the end
			return nil
		}
		if token == nil {
			return fmt.Errorf("%smust not be null", placeOf(doc, dec.InputOffset()))
		}
	}
}

// decode decodes a JSON value. Unknown members and null are errors.
func decode(doc json.RawMessage, into any) error {
	if string(doc) == "null" {
		return fmt.Errorf("expected %s, got null", typeName(reflect.TypeOf(into).Elem()))
	}
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%sexpected %s, got %s", placeOf(doc, wrong.Offset), typeName(wrong.Type), wrong.Value)
	}
	if err == nil {
		return nil
	}
	if _, name, ok := strings.Cut(err.Error(), "unknown field "); ok {
		return fmt.Errorf("unknown field %s%s", name, near(strings.Trim(name, `"`), fieldNames(reflect.TypeOf(into))))
	}
	return err
}

// placeOf returns the path of the value at an offset of valid JSON, such as "jira: " or
// "servers: 1: url: ", with items counted from 1; "" is the whole value.
func placeOf(doc []byte, offset int64) string {
	place, _ := findPlace(json.NewDecoder(bytes.NewReader(doc)), offset, "")
	return place
}

// findPlace reads the value at place and returns the path of the value at the offset.
func findPlace(dec *json.Decoder, offset int64, place string) (found string, ok bool) {
	token, err := dec.Token()
	if err != nil || dec.InputOffset() >= offset {
		return place, true
	}
	open, _ := token.(json.Delim)
	if open == 0 {
		return "", false
	}
	for i := 1; dec.More(); i++ {
		name := any(i)
		if open == '{' {
			name, _ = dec.Token() // the text is valid
		}
		if found, ok := findPlace(dec, offset, fmt.Sprintf("%s%v: ", place, name)); ok {
			return found, true
		}
	}
	_, _ = dec.Token() // the end of the object or array
	return "", false
}

// fieldNames returns the JSON names of a type's fields at any depth.
func fieldNames(t reflect.Type) (names []string) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return fieldNames(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			names = append(append(names, name), fieldNames(t.Field(i).Type)...)
		}
	}
	return names
}

// typeName returns the name of a Go type's JSON value, as encoding/json has it.
func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Slice:
		return "array"
	case reflect.Map, reflect.Struct:
		return "object"
	case reflect.Pointer:
		return typeName(t.Elem())
	}
	return t.Kind().String() // string, bool
}

// near returns `; did you mean "X"?` for the candidate nearest to name, "" for none.
func near(name string, candidates []string) string {
	if best := spelling.Nearest(name, candidates); best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	return ""
}
