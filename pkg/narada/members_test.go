package narada

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzMembers compares the members with those of encoding/json, which keeps the last of equal names.
func FuzzMembers(f *testing.F) {
	for _, doc := range []string{
		`{}`, ` { "a" : 1 , "b":[1,{"c":"}"}],"a":-1.5e+3,"":null } `, `{"a\u0062":"x\"y","\ud800":true}`, `{"a":{"b":[[],{}]},"c":false}`, "{\"\xff\":1}",
		`[1]`, `1`, `{"a":1}}`, `{"a"`, ``, `{"a":1,}`,
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		list, err := members(doc)
		var want map[string]json.RawMessage
		wantErr := json.Unmarshal(doc, &want)
		if isObject := wantErr == nil && want != nil; isObject != (err == nil) {
			t.Fatalf("members: %v; encoding/json: %v", err, wantErr)
		}
		if err != nil {
			return
		}
		got := map[string]json.RawMessage{}
		for _, m := range list {
			got[m.name] = m.value
			if m.start >= m.end || doc[m.start] != '"' || !bytes.HasSuffix(doc[:m.end], m.value) {
				t.Errorf("%q is not at %d to %d", m.name, m.start, m.end)
			}
		}
		for name, value := range want {
			if !bytes.Equal(got[name], bytes.TrimSpace(value)) {
				t.Errorf("%q: got %s, want %s", name, got[name], value)
			}
			delete(got, name)
		}
		if len(got) > 0 {
			t.Errorf("additional members: %v", got)
		}
	})
}
