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
	if place, found := findPlace(doc, func(token json.Token, _ int64) bool { return token == nil }); found {
		return fmt.Errorf("%smust not be null", place)
	}
	return nil
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
		place, _ := findPlace(doc, func(_ json.Token, end int64) bool { return end >= wrong.Offset })
		return fmt.Errorf("%sexpected %s, got %s", place, typeName(wrong.Type), wrong.Value)
	}
	if err == nil {
		return nil
	}
	if _, name, ok := strings.Cut(err.Error(), "unknown field "); ok {
		return fmt.Errorf("unknown field %s%s", name, near(strings.Trim(name, `"`), fieldNames(reflect.TypeOf(into))))
	}
	return err
}

// findPlace returns the path of the first value in valid JSON for which is reports true, such
// as "jira: " or "servers: 1: url: ", with items counted from 1; "" is the whole value. It
// gets the value's first token and the offset of the token's end.
func findPlace(doc []byte, is func(token json.Token, end int64) bool) (place string, found bool) {
	dec := json.NewDecoder(bytes.NewReader(doc))
	var find func(place string) (string, bool)
	find = func(place string) (string, bool) {
		token, _ := dec.Token()
		if is(token, dec.InputOffset()) {
			return place, true
		}
		open, _ := token.(json.Delim)
		if open == 0 {
			return "", false
		}
		for i := 1; dec.More(); i++ {
			name := any(i)
			if open == '{' {
				name, _ = dec.Token()
			}
			if found, ok := find(fmt.Sprintf("%s%v: ", place, name)); ok {
				return found, true
			}
		}
		_, _ = dec.Token() // the end of the object or array
		return "", false
	}
	return find("")
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
