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

// refuseNulls reports a null in valid JSON text.
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

// decode reads a JSON value into a Go one, without unknown members.
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

// placeOf names the value at an offset of valid JSON text as "jira: " or
// "servers: 1: url: ", items counted from 1; the whole is "".
func placeOf(doc []byte, offset int64) string {
	place, _ := findPlace(json.NewDecoder(bytes.NewReader(doc)), offset, "")
	return place
}

// findPlace reads one value, which is at place, and returns where the value at the
// offset is.
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

// fieldNames are the JSON names of a type's fields, at any depth.
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

// typeName is what encoding/json calls the JSON value of a Go type.
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

// near is `; did you mean "X"?` for the candidate that name looks most like.
func near(name string, candidates []string) string {
	if best := spelling.Nearest(name, candidates); best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	return ""
}
