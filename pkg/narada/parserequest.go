package narada

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// ParseRequest parses what Request.MarshalJSON returns.
func ParseRequest(body []byte) (*Request, error) {
	type plain Request // without MarshalJSON
	var r plain
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	var variables map[string]json.RawMessage // numbers as they are written
	t := reflect.TypeFor[Request]()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		value, ok := members[name]
		if !ok {
			continue
		}
		into := reflect.ValueOf(&r).Elem().Field(i).Addr().Interface()
		if name == "inputVariables" {
			into = &variables
		}
		if err := json.Unmarshal(value, into); err != nil {
			return nil, fmt.Errorf("request: %s: %w", name, err)
		}
		delete(members, name)
	}
	for name, value := range variables {
		if r.InputVariables == nil {
			r.InputVariables = map[string]any{}
		}
		r.InputVariables[name] = value
	}
	if len(members) > 0 {
		r.Extra = members
	}
	return (*Request)(&r), nil
}
