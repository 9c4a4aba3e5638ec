package narada

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestARequestIsParsedAsItWasWritten(t *testing.T) {
	yes := true
	label := "docs"
	for name, r := range map[string]*Request{
		"a prompt": {Prompt: "/Operator find <jobs> & count"},
		"all": {
			Prompt: "p", TimeZone: "Europe/Berlin", BrowserWindowID: "w", ExecutionMode: ModeCloud, ClearChat: &yes, PreviousRequestID: "req_1",
			ChatHistory: []ChatMessage{{"user", "hi"}}, AdditionalContext: map[string]string{"a": "b"}, ResponseFormat: JSONSchema(json.RawMessage(`{"type":"object","const":1.50}`)),
			Attachment: &Attachment{"key"}, InputVariables: map[string]any{"big": json.RawMessage("12345678901234567890"), "z": json.RawMessage(`{"b":1,"a":2.0}`)},
			SecretVariables: map[string]string{"pw": "env:PW"}, MCPServers: []MCPServer{{URL: "https://mcp.example", Label: &label}},
			Credentials: map[string]map[string]string{"a": {"b": "c"}}, ReasoningMode: ReasoningHigh, CriticContext: json.RawMessage(`{"x":1}`),
			Extra: map[string]json.RawMessage{"new": json.RawMessage("1e3")},
		},
	} {
		want, err := r.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := ParseRequest(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parsed.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for _, body := range []string{"", "[]", `{"prompt":1}`} {
		if _, err := ParseRequest([]byte(body)); err == nil {
			t.Errorf("%q is parsed", body)
		}
	}
}
