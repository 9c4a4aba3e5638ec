package task

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
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
	doc = bytes.TrimSpace(doc)
	if string(doc) == "null" {
		return fmt.Errorf("expected %s, got null", typeName(reflect.TypeOf(into).Elem()))
	}
	err := checkNames(doc, reflect.TypeOf(into).Elem(), reflect.TypeOf(into))
	if err == nil {
		err = json.Unmarshal(doc, into)
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		place, _ := findPlace(doc, func(_ json.Token, end int64) bool { return end >= wrong.Offset })
		return fmt.Errorf("%sexpected %s, got %s", place, typeName(wrong.Type), wrong.Value)
	}
	return err
}

// checkNames refuses members of valid JSON that are no fields of the type, of which whole is
// the outermost. encoding/json ignores the case of a name: it would take URL as url.
func checkNames(doc json.RawMessage, t, whole reflect.Type) error {
	switch {
	case t.Kind() == reflect.Pointer:
		return checkNames(doc, t.Elem(), whole)
	case t.Kind() == reflect.Slice && doc[0] == '[':
		var items []json.RawMessage
		if err := json.Unmarshal(doc, &items); err != nil {
			return err
		}
		for _, item := range items {
			if err := checkNames(item, t.Elem(), whole); err != nil {
				return err
			}
		}
	case (t.Kind() == reflect.Struct || t.Kind() == reflect.Map) && doc[0] == '{':
		var members map[string]json.RawMessage
		if err := json.Unmarshal(doc, &members); err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			member, ok := memberType(t, name)
			if !ok {
				return fmt.Errorf("unknown field %q%s", name, near(name, fieldNames(whole)))
			}
			if err := checkNames(members[name], member, whole); err != nil {
				return err
			}
		}
	}
	return nil
}

// memberType returns the type of the member with that name, of a struct or a map.
func memberType(t reflect.Type, name string) (reflect.Type, bool) {
	if t.Kind() == reflect.Map {
		return t.Elem(), true
	}
	for i := range t.NumField() {
		if tag, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); tag == name && tag != "-" {
			return t.Field(i).Type, true
		}
	}
	return nil, false
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
