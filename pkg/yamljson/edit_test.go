package yamljson

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSetKeepsOtherValuesAndComments(t *testing.T) {
	value := func(s string) *string { return &s }
	tests := []struct {
		name, before, path string
		value              *string
		want               string
	}{
		{"new file", "", "agent", value("core"), "agent: core\n"},
		{"nested", "", "ngrok domain", value("x"), "ngrok:\n  domain: x\n"},
		{"name with a dot", "ngrok.domain: y\n", "ngrok domain", value("x"), "ngrok.domain: x\n"},
		{"in the mapping of another", "agent: a\n", "profiles p ngrok domain", value("x"), "agent: a\nprofiles:\n  p:\n    ngrok:\n      domain: x\n"},
		{"comments", "# top\nagent: a # here\n# end\n", "agent", value("b"), "# top\nagent: b # here\n# end\n"},
		{"text that looks like a number", "", "id", value("0123"), "id: \"0123\"\n"},
		{"only comments", "# mine\n", "agent", value("b"), "# mine\nagent: b\n"},
		{"in an empty mapping", "profiles:\n", "profiles p agent", value("b"), "profiles:\n  p:\n    agent: b\n"},
		{"in another case", "Agent: a\n", "agent", value("b"), "Agent: b\n"},
		{"unset", "agent: a\ntimeout: 1m\n", "agent", nil, "timeout: 1m\n"},
		{"unset the last of a mapping", "ngrok:\n  domain: x\nagent: a\n", "ngrok domain", nil, "agent: a\n"},
		{"in a file of which all was unset", "{}\n", "agent", value("a"), "agent: a\n"},
		{"in a mapping of which all was unset", "ngrok: {}\n", "ngrok domain", value("x"), "ngrok:\n  domain: x\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Set([]byte(tt.before), strings.Fields(tt.path), tt.value)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAValueThatIsNotSetCannotBeRemoved(t *testing.T) {
	for _, path := range []string{"agent", "ngrok domain", "ngrok addr"} {
		if got, err := Set([]byte("ngrok:\n  url: x\n"), strings.Fields(path), nil); err != ErrNotSet {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
}

func TestSetChangesSingleValuesOnly(t *testing.T) {
	x := "x"
	for text, want := range map[string]string{
		"a: {b: c}":       "a is not a single value",
		"[a]":             "not a YAML mapping",
		"a: 1\n---\nb: 2": "line 2: expected one document",
		"b: c\nb: d":      `line 2: duplicate name "b"`,
	} {
		if got, err := Set([]byte(text), []string{"a"}, &x); err == nil || err.Error() != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if _, err := Set([]byte("a: b"), []string{"a", "b"}, &x); err == nil || err.Error() != "a is not a mapping" {
		t.Error(err)
	}
}
