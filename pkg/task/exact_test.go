package task

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/narada-cli/narada/pkg/secret"
)

// inputs has every way to give a task a JSON value. FILE is a file with the value.
var inputs = map[string]struct {
	spec Spec
	doc  string // around the VALUE
}{
	"--var-json":           {Spec{JSONVars: []string{"x=CONTENT"}}, "VALUE"},
	"--var-json file":      {Spec{JSONVars: []string{"x=file:FILE"}}, "VALUE"},
	"--field":              {Spec{Fields: []string{"x=CONTENT"}}, "VALUE"},
	"--field file":         {Spec{Fields: []string{"x=file:FILE"}}, "VALUE"},
	"--field of an object": {Spec{Fields: []string{"criticContext=CONTENT"}}, `{"x": VALUE}`},
	"--schema":             {Spec{Schema: "FILE"}, `{"default": VALUE}`},
	"task file":            {Spec{File: &File{}}, `{"inputVariables": {"x": VALUE}}`},
	"unknown field":        {Spec{File: &File{}}, `{"x": VALUE}`},
	"--chat-history":       {Spec{ChatHistory: "FILE"}, `[{"role": "user", "content": VALUE}]`},
	"--mcp":                {Spec{MCP: "FILE"}, `[{"url": "https://mcp.example", "label": VALUE}]`},
	"--credentials":        {Spec{Credentials: "FILE"}, `{"jira": {"token": VALUE}}`},
}

// body returns the body of the task with the value in that input, of a file with the
// extension.
func body(t *testing.T, input, value, extension string) (string, error) {
	t.Helper()
	one := inputs[input]
	content := strings.ReplaceAll(one.doc, "VALUE", value)
	path := filepath.Join(t.TempDir(), "input"+extension)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	fill := func(text string) string { return strings.NewReplacer("FILE", path, "CONTENT", content).Replace(text) }
	spec, source := one.spec, &secret.Source{}
	spec.Prompt, spec.Agent, spec.AnyWindow = "count", "operator", true
	for _, list := range []*[]string{&spec.JSONVars, &spec.Fields} {
		filled := []string{}
		for _, text := range *list {
			filled = append(filled, fill(text))
		}
		*list = filled
	}
	for _, text := range []*string{&spec.Schema, &spec.ChatHistory, &spec.MCP, &spec.Credentials} {
		*text = fill(*text)
	}
	if spec.File != nil {
		var err error
		if spec.File, err = ReadFile(path, source); err != nil {
			return "", err
		}
	}
	plan, err := spec.Plan(source)
	if err != nil {
		return "", err
	}
	doc, err := plan.Request.MarshalJSON()
	return string(doc), err
}

func TestAJSONValueIsSentAsItIsWritten(t *testing.T) {
	texts := []string{`"é"`, `"<b>&"`, `"1.10"`}
	values := append(texts, `1.10`, `12345678901234567890`, `-0`, `1e400`, `[1.0,{"b":2.50,"a":null}]`)
	for input := range inputs {
		list := values
		if input == "--chat-history" || input == "--mcp" || input == "--credentials" {
			list = texts
		}
		for _, value := range list {
			for _, extension := range []string{".json", ".yaml"} {
				got, err := body(t, input, value, extension)
				if err != nil || !strings.Contains(got, ":"+value) {
					t.Errorf("%s, %s in a %s file: got %s, %v", input, value, extension, got, err)
				}
			}
		}
	}
}

func TestAJSONValueThatWouldBeSentAsAnotherIsRefused(t *testing.T) {
	for value, want := range map[string]string{
		`{"a": 1, "a": 2}`: `line 1: duplicate name "a"`,
		`"\ud800"`:         `line 1: \ud800 is a lone surrogate, not a character`,
		"\"caf\xe9\"":      "not UTF-8 text",
		"\"\x00\"":         "not UTF-8 text",
	} {
		for input := range inputs {
			if _, err := body(t, input, value, ".json"); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %q: got %v", input, value, err)
			}
		}
	}
}

func TestTextThatIsNotUTF8IsRefused(t *testing.T) {
	const bad = "caf\xe9"
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, bad), []byte("x"), 0o600); err != nil {
		t.Skip("such a file name is not allowed here")
	}
	for name, spec := range map[string]Spec{
		"--var":             {Vars: []string{"x=" + bad}},
		"a name of --var":   {Vars: []string{bad + "=x"}},
		"--context":         {Context: []string{"x=" + bad}},
		"a name of --field": {Fields: []string{bad + "=1"}},
		"--window":          {Window: bad, WindowFlag: true},
		"--agent":           {Agent: bad, AgentFlag: true},
		"--secret-var":      {SecretVars: []string{"x=env:BAD"}},
		"--attach":          {Attach: []string{filepath.Join(dir, bad)}},
		"--callback-url":    {Callback: Callback{URL: "https://example.com/" + bad}},
		"--callback-header": {Callback: Callback{URL: "https://example.com/", Headers: []string{"X-A: " + bad}}},
		"--callback-secret": {Callback: Callback{URL: "https://example.com/", Secret: "env:BAD"}},
	} {
		spec.Prompt, spec.AnyWindow = "count", true
		if spec.Agent == "" {
			spec.Agent = "operator"
		}
		p, err := spec.Plan(&secret.Source{Lookup: func(string) (string, bool) { return bad, true }})
		if err == nil {
			t.Errorf("%s: got %+v", name, p.Request)
		}
	}
}

// encoding/json ignores the case of a name, and so would take the second of these as the first.
func TestNamesOfFieldsAreExact(t *testing.T) {
	for doc, want := range map[string]string{
		`[{"url": "https://a.example", "URL": "https://b.example"}]`:                                     `unknown field "URL"; did you mean "url"?`,
		`[{"url": "https://a.example", "authentication": {"type": "bearer-token", "bearertoken": "x"}}]`: `unknown field "bearertoken"; did you mean "bearerToken"?`,
	} {
		path := filepath.Join(t.TempDir(), "mcp.json")
		if err := os.WriteFile(path, []byte(doc), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Spec{Prompt: "count", Agent: "operator", AnyWindow: true, MCP: path}.Plan(&secret.Source{})
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: got %v", doc, err)
		}
	}
	_, err := Spec{Prompt: "count", Agent: "operator", AnyWindow: true, OwnCallback: true, Fields: []string{`CallbackURL="https://b.example"`}}.Plan(&secret.Source{})
	if err == nil || err.Error() != `--field: unknown field "CallbackURL"; did you mean callbackUrl?` {
		t.Errorf("--field: got %v", err)
	}
}
