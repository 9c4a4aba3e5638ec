package narada

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRequestMarshalsKnownFieldsThenExtra(t *testing.T) {
	r := &Request{
		Prompt: "p", ExecutionMode: ModeCloud, ResponseFormat: JSONSchema(json.RawMessage(`{"type": "object"}`)),
		MCPServers: []MCPServer{{URL: "https://m", Authentication: MCPAuthentication{Type: "none"}}},
		Extra:      map[string]json.RawMessage{"z": json.RawMessage(`1`), "criticContext": json.RawMessage(`{"a":2}`)},
	}
	got, err := r.MarshalJSON()
	want := `{"prompt":"p","executionMode":"cloud","responseFormat":{"type":"jsonSchema","jsonSchema":{"type":"object"}},` +
		`"mcpServers":[{"url":"https://m","label":null,"description":null,"authentication":{"type":"none"},"selectedTools":null}],"criticContext":{"a":2},"z":1}`
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	for name, value := range map[string]string{"prompt": `"x"`, "bad": `{`} {
		r := &Request{Prompt: "p", Extra: map[string]json.RawMessage{name: json.RawMessage(value)}}
		if _, err := r.MarshalJSON(); err == nil {
			t.Errorf("extra %s is accepted", name)
		}
	}
}

func TestMaskedRequestContainsNoSecret(t *testing.T) {
	r := &Request{
		Prompt: "p", CallbackSecret: "needle", CallbackHeaders: map[string]string{"Authorization": "needle"},
		SecretVariables: map[string]string{"pw": "needle"}, Credentials: map[string]map[string]string{"jira": {"token": "needle"}},
		MCPServers: []MCPServer{
			{Authentication: MCPAuthentication{Type: "bearer-token", BearerToken: "needle"}},
			{Authentication: MCPAuthentication{Type: "custom-headers", CustomHeaders: []MCPHeader{{"X-A", "needle"}}}},
		},
		Extra: map[string]json.RawMessage{"callbackSecret2": json.RawMessage(`1`)},
	}
	before, err := r.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	masked, err := r.Masked().MarshalJSON()
	if err != nil || strings.Contains(string(masked), "needle") {
		t.Errorf("%s, %v", masked, err)
	}
	extra := &Request{Prompt: "p", Extra: map[string]json.RawMessage{
		"secretVariables": json.RawMessage(`{"pw":"needle"}`), "CallbackSecret": json.RawMessage(`"needle"`),
	}}
	if masked, err := extra.Masked().MarshalJSON(); err != nil || strings.Contains(string(masked), "needle") {
		t.Errorf("%s, %v", masked, err)
	}
	after, _ := r.MarshalJSON()
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		t.Errorf("Masked changed the request:\n%s", diff)
	}
}
