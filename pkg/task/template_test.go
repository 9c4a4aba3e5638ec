package task

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/secret"
)

// line returns the request of a line as JSON.
func line(t *testing.T, tm *Template, object string) (string, error) {
	t.Helper()
	var p *Plan
	var members map[string]json.RawMessage
	err := json.Unmarshal([]byte(object), &members)
	if err != nil {
		p, err = tm.Text(object)
	} else {
		var f *File
		if f, err = ParseLine(members); err == nil {
			p, err = tm.Object(f)
		}
	}
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(p.Request)
	return string(body), err
}

func TestLinesOverrideTheFlagsOfTheTemplate(t *testing.T) {
	spec := Spec{
		Agent: "operator", Window: "w", Mode: "client", TimeZone: "Etc/UTC", Vars: []string{"a=1", "b=2"}, GIF: new(true),
		Context: []string{"k=v"}, OwnCallback: true,
	}
	tm, err := spec.Template(&secret.Source{})
	if err != nil {
		t.Fatal(err)
	}
	const rest = `"executionMode":"client","saveScreenshots":true,"additionalContext":{"k":"v"}`
	for object, want := range map[string]string{
		"one": `{"prompt":"/Operator one","timeZone":"Etc/UTC","browserWindowId":"w",` + rest + `,"inputVariables":{"a":"1","b":"2"}}`,
		`{"prompt":"two","timeZone":"Europe/Berlin","inputVariables":{"b":3},"additionalContext":{"k":"own"}}`: `{"prompt":"/Operator two","timeZone":"Europe/Berlin","browserWindowId":"w","executionMode":"client","saveScreenshots":true,"additionalContext":{"k":"own"},"inputVariables":{"a":"1","b":3}}`,
		`{"prompt":"three","saveScreenshots":false,"executionMode":"cloud"}`:                                   `{"prompt":"/Operator three","timeZone":"Etc/UTC","browserWindowId":"w","executionMode":"cloud","saveScreenshots":false,"additionalContext":{"k":"v"},"inputVariables":{"a":"1","b":"2"}}`,
		`{"prompt":"four","cloudBrowserSessionId":"s"}`:                                                        `{"prompt":"/Operator four","timeZone":"Etc/UTC","cloudBrowserSessionId":"s",` + rest + `,"inputVariables":{"a":"1","b":"2"}}`,
		`{"prompt":"five","generateGif":false}`:                                                                `{"prompt":"/Operator five","timeZone":"Etc/UTC","browserWindowId":"w","executionMode":"client","additionalContext":{"k":"v"},"inputVariables":{"a":"1","b":"2"},"generateGif":false}`,
	} {
		got, err := line(t, tm, object)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", object, err, diff)
		}
	}
}

// A prompt gets the agent's prefix whether it is a line of its own or a field of a task.
func TestAPromptOfALineGetsTheAgentsPrefix(t *testing.T) {
	for name, test := range map[string]struct {
		spec   Spec
		prompt string
		want   string // "": refused
	}{
		"the setting's agent": {Spec{Agent: "core"}, "count", "/coreAgent count"},
		"the flag's agent":    {Spec{Agent: "core", AgentFlag: true}, "count", "/coreAgent count"},
		"a known prefix":      {Spec{Agent: "core"}, "/Operator count", "/Operator count"},
		"another agent":       {Spec{Agent: "core", AgentFlag: true}, "/Operator count", ""},
		"raw":                 {Spec{Agent: "core", Raw: true}, "/mine count", "/mine count"},
		"no prefix":           {Spec{Agent: "generalist"}, "count", "count"},
		"only a prefix":       {Spec{Agent: "core"}, "/Operator", ""},
	} {
		test.spec.OwnCallback, test.spec.AnyWindow = true, true
		tm, err := test.spec.Template(&secret.Source{})
		if err != nil {
			t.Fatal(err)
		}
		object, err := json.Marshal(map[string]string{"prompt": test.prompt})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{test.prompt, string(object)} {
			var got struct{ Prompt string }
			body, err := line(t, tm, text)
			if err == nil {
				err = json.Unmarshal([]byte(body), &got)
			}
			if got.Prompt != test.want || (err == nil) != (test.want != "") {
				t.Errorf("%s: %s: %q, %v; want %q", name, text, got.Prompt, err, test.want)
			}
		}
	}
}

func TestInvalidLinesAreRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	tm, err := Spec{Agent: "operator", OwnCallback: true, AllowEnv: []string{"HOME"}}.Template(&secret.Source{Lookup: os.LookupEnv})
	if err != nil {
		t.Fatal(err)
	}
	for object, want := range map[string]string{
		" ":                               "the prompt is empty",
		`{"additionalContext":{}}`:        "no prompt",
		`{"prompt":"x","attach":"a.txt"}`: errNowhere.Error(),
		`{"prompt":"x","inputVariables":{"f":{"file":"a.txt"}}}`:                                                                      errNowhere.Error(),
		`{"prompt":"x","secretVariables":{"p":"env:HOME"}}`:                                                                           errNowhere.Error(),
		`{"prompt":"x","secretVariables":{"p":"file:a.txt"}}`:                                                                         errNowhere.Error(),
		`{"prompt":"x","mcpServers":[{"url":"https://a.example","authentication":{"type":"bearer-token","bearerToken":"env:HOME"}}]}`: errNowhere.Error(),
		`{"prompt":"x","callbackUrl":"https://a.example"}`:                                                                            "its own callback endpoint",
		`{"prompt":"x","executionMode":"moon"}`:                                                                                       `executionMode: "moon" is not`,
		`{"prompt":"x","timeZone":"Moon/Sea"}`:                                                                                        "timeZone: ",
	} {
		if got, err := line(t, tm, object); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "--task") {
			t.Errorf("%s: %s, %v", object, got, err)
		}
	}
	if _, err := (Spec{Agent: "operator", File: &File{label: "--task: t.yaml", Prompt: "x"}}).Template(&secret.Source{}); err == nil || !strings.Contains(err.Error(), "each line has its own prompt") {
		t.Errorf("got %v", err)
	}
}

// The values of secrets, and where a task runs, do not count.
func TestDigestsTellWhatTasksHaveInCommon(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("PASSWORD", "hunter2")
	t.Setenv("OTHER", "hunter3")
	digests := func(change func(*Spec)) map[string]string {
		spec := Spec{
			Agent: "operator", Window: "w", TimeZone: "Etc/UTC", OwnCallback: true, Schema: file("a.json", `{"type":"object"}`),
			SecretVars: []string{"p=env:PASSWORD"}, Attach: []string{file("a.txt", "text")},
		}
		change(&spec)
		tm, err := spec.Template(&secret.Source{Lookup: os.LookupEnv})
		if err != nil {
			t.Fatal(err)
		}
		return tm.Digests()
	}
	before := digests(func(*Spec) {})
	for name, test := range map[string]struct {
		change func(*Spec)
		want   string // what has changed
	}{
		"nothing":            {func(*Spec) {}, ""},
		"a secret":           {func(s *Spec) { s.SecretVars = []string{"p=env:OTHER"} }, ""},
		"the window":         {func(s *Spec) { s.Window = "x" }, ""},
		"the machine's zone": {func(s *Spec) { s.TimeZone = "Europe/Berlin" }, ""},
		"the trace":          {func(s *Spec) { s.TraceContext = `{"a":1}` }, ""},
		"the schema's form":  {func(s *Spec) { s.Schema = file("b.json", `{ "type": "object" }`) }, ""},
		"the schema":         {func(s *Spec) { s.Schema = file("c.json", `{"type":"array"}`) }, "schema"},
		"no schema":          {func(s *Spec) { s.Schema = "" }, "schema"},
		"the agent":          {func(s *Spec) { s.Agent = "core" }, "agent"},
		"no prefix":          {func(s *Spec) { s.Raw = true }, "agent"},
		"the zone":           {func(s *Spec) { s.TimeZone, s.ZoneFlag = "Europe/Berlin", true }, "flags"},
		"a variable":         {func(s *Spec) { s.Vars = []string{"a=b"} }, "flags"},
		"another secret":     {func(s *Spec) { s.SecretVars = []string{"q=env:PASSWORD"} }, "flags"},
		"the attachment":     {func(s *Spec) { s.Attach = []string{file("b.txt", "text")} }, "flags"},
	} {
		after := digests(test.change)
		got := ""
		for _, part := range []string{"agent", "schema", "flags"} {
			if before[part] == "" || after[part] != before[part] {
				got = strings.TrimPrefix(got+" "+part, " ")
			}
		}
		if got != test.want {
			t.Errorf("%s: %q has changed", name, got)
		}
	}
	if text := strings.Join([]string{before["agent"], before["schema"], before["flags"]}, ""); strings.Contains(text, "hunter") || len(text) != 96 {
		t.Error(text)
	}
}

func TestAssertionsAreAddedUpAndNotSent(t *testing.T) {
	source := &secret.Source{}
	path := filepath.Join(t.TempDir(), "task.yaml")
	if err := os.WriteFile(path, []byte("assert: [.file, .second]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := ReadFile(path, source)
	if err != nil {
		t.Fatal(err)
	}
	tm, err := Spec{File: file, Agent: "operator", Assert: []string{".flag"}, OwnCallback: true, AnyWindow: true}.Template(source)
	if err != nil {
		t.Fatal(err)
	}
	for object, want := range map[string][]string{
		`{"prompt":"x"}`:                          {".flag", ".file", ".second"},
		`{"prompt":"x","assert":".own"}`:          {".flag", ".file", ".second", ".own"},
		`{"prompt":"x","assert":[".own",".two"]}`: {".flag", ".file", ".second", ".own", ".two"},
		`{"prompt":"x","assert":null}`:            {".flag", ".file", ".second"},
	} {
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(object), &members); err != nil {
			t.Fatal(err)
		}
		f, err := ParseLine(members)
		if err != nil {
			t.Fatal(err)
		}
		p, err := tm.Object(f)
		if err != nil {
			t.Fatal(err)
		}
		body, err := json.Marshal(p.Request)
		if diff := cmp.Diff(want, p.Asserts.Texts()); diff != "" || err != nil || strings.Contains(string(body), "assert") {
			t.Errorf("%s: %s, %s, %v", object, diff, body, err)
		}
	}
	p, err := tm.Text("x")
	if diff := cmp.Diff([]string{".flag", ".file", ".second"}, p.Asserts.Texts()); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestAssertionsOfAnotherKindAreErrors(t *testing.T) {
	for doc, want := range map[string]string{
		`3`: "assert: expected a string or a list of strings", `{"a":1}`: "assert: expected a string or a list of strings", `[1]`: "assert: expected a string or a list of strings",
		`["a",null]`: "assert: expected a string or a list of strings", `[["a"]]`: "assert: expected a string or a list of strings",
	} {
		if _, err := ParseLine(map[string]json.RawMessage{"prompt": json.RawMessage(`"x"`), "assert": json.RawMessage(doc)}); err == nil || err.Error() != want {
			t.Errorf("%s: %v", doc, err)
		}
	}
}
