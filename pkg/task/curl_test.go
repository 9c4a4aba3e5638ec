package task

import (
	"slices"
	"strings"
	"testing"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret"
)

func TestCurlUsesVariablesInPlaceOfSecrets(t *testing.T) {
	source := secret.Source{Lookup: func(string) (string, bool) { return "three", true }}
	token, err := source.Resolve("", "env:TOKEN")
	if err != nil {
		t.Fatal(err)
	}
	p := &Plan{
		Request: &narada.Request{
			Prompt:          "it's $HOME `x`",
			SecretVariables: map[string]string{"a-b": "one", "a_b": "two", "c": "three"},
			CallbackSecret:  "three",
		},
		references: map[string]secret.String{"three": token},
	}
	p.hide(secret.New("four"))
	command, names, err := p.Curl("https://api.example/v2")
	if err != nil {
		t.Fatal(err)
	}
	want := `curl --fail-with-body -X POST 'https://api.example/v2/remote-dispatch' \
  -H 'Content-Type: application/json' \
  -H "x-api-key: $NARADA_API_KEY" \
  --data-raw '{"prompt":"it'\''s $HOME ` + "`x`" + `","secretVariables":{"a-b":"'"$NARADA_SECRET_VARIABLES_A_B"'","a_b":"'"$NARADA_SECRET_VARIABLES_A_B_2"'","c":"'"$TOKEN"'"},"callbackSecret":"'"$TOKEN"'"}'`
	if command != want {
		t.Errorf("got  %s\nwant %s", command, want)
	}
	if !slices.Equal(names, []string{"NARADA_SECRET_VARIABLES_A_B", "NARADA_SECRET_VARIABLES_A_B_2", "TOKEN"}) {
		t.Errorf("names %q", names)
	}
	for _, value := range []string{"one", "two", "three"} {
		if strings.Contains(command, value) {
			t.Errorf("%s exists", value)
		}
	}
}

func TestShellNameIsAValidVariableName(t *testing.T) {
	for place, want := range map[string]string{
		"callbackSecret": "CALLBACK_SECRET", "mcpServers.0.authentication.bearerToken": "MCP_SERVERS_0_AUTHENTICATION_BEARER_TOKEN",
		"callbackHeaders.X-Api-Key": "CALLBACK_HEADERS_X_API_KEY", "secretVariables.é": "SECRET_VARIABLES__",
	} {
		if got := shellName(place); got != want {
			t.Errorf("%s: %s", place, got)
		}
	}
}
