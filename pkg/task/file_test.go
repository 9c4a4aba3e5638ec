package task

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret"
)

// planOf writes a task file and the other files to a folder, and returns its plan.
func planOf(t *testing.T, text string, change func(*Spec), files ...string) (*Plan, error) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("content of "+name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "task.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	source := &secret.Source{Lookup: func(name string) (string, bool) { return "value of " + name, strings.HasPrefix(name, "SET") }}
	f, err := ReadFile(path, source)
	if err != nil {
		return nil, err
	}
	s := Spec{File: f, Agent: "operator", Window: "w"}
	if change != nil {
		change(&s)
	}
	return s.Plan(source)
}

// The JSON Schema in the docs is generated from the type.
func TestFileReadsEveryFieldOfItsType(t *testing.T) {
	known := new(File).fields()
	for i := range reflect.TypeFor[File]().NumField() {
		field := reflect.TypeFor[File]().Field(i)
		if !field.IsExported() {
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if known[name] == nil {
			t.Errorf("the field %s is not read", name)
		}
		if field.Tag.Get("jsonschema") == "" {
			t.Errorf("%s has no description", name)
		}
		delete(known, name)
	}
	for name := range known {
		t.Errorf("the field %s is read but not in the type", name)
	}
}

func TestFilesInVariablesAreFoundAtAnyDepth(t *testing.T) {
	p, err := planOf(t, `
prompt: x
inputVariables:
  b: {file: sub/b.csv}
  list: [1.50, {z: {file: a.txt}, a: {file: a.txt, more: 1}}, []]
  empty: {}
`, nil, "a.txt", "sub/b.csv")
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for i, u := range p.Uploads {
		paths = append(paths, u.Path)
		f, err := u.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(f)
		if f.Close(); err != nil || string(text) != "content of "+u.Path || int64(len(text)) != u.Size {
			t.Errorf("%q, %v", text, err)
		}
		u.Done(&narada.Uploaded{Key: "key-" + string(rune('1'+i)), Filename: u.Name, MIMEType: u.MIMEType})
	}
	if diff := cmp.Diff([]string{"sub/b.csv", "a.txt"}, paths); diff != "" {
		t.Error(diff)
	}
	body, err := p.Request.MarshalJSON()
	want := `{"prompt":"x","browserWindowId":"w","inputVariables":{` +
		`"b":{"source":"remoteDispatchUpload","id":"key-1","filename":"b.csv","mimeType":"text/csv"},"empty":{},` +
		`"list":[1.50,{"z":{"source":"remoteDispatchUpload","id":"key-2","filename":"a.txt","mimeType":"text/plain"},"a":{"file":"a.txt","more":1}},[]]}}`
	if err != nil || string(body) != want {
		t.Errorf("got  %s, %v\nwant %s", body, err, want)
	}
}

func TestAnInputVariableIsUnchangedExceptForFiles(t *testing.T) {
	deep := func(inner string) string {
		return strings.Repeat(`[{"b":1,"a":`, 500) + inner + strings.Repeat(`}]`, 500)
	}
	for given, want := range map[string]string{
		`{"file":"a.txt"}`:               `FILE`,
		`[{"file":"a.txt"},{"z":1}]`:     `[FILE,{"z":1}]`,
		`{"file":{"file":"a.txt"}}`:      `{"file":FILE}`,
		`{"file":["a.txt"]}`:             `{"file":["a.txt"]}`,
		`{"a":"file","b":"a.txt"}`:       `{"a":"file","b":"a.txt"}`,
		`{"file":"a.txt","z":2,"a":1e2}`: `{"file":"a.txt","z":2,"a":1e2}`,
		`"file"`:                         `"file"`,
		deep(`{"file":"a.txt"}`):         deep(`FILE`),
	} {
		p, err := planOf(t, `{"prompt":"x","inputVariables":{"v":`+given+`}}`, nil, "a.txt")
		if err != nil {
			t.Errorf("%.100s: %v", given, err)
			continue
		}
		got, err := p.Request.MarshalJSON()
		file := `{"source":"remoteDispatchUpload","id":"UPLOAD_KEY_1","filename":"a.txt","mimeType":"text/plain"}`
		want = `{"prompt":"x","browserWindowId":"w","inputVariables":{"v":` + strings.ReplaceAll(want, "FILE", file) + `}}`
		if err != nil || string(got) != want {
			t.Errorf("got  %.200s, %v\nwant %.200s", got, err, want)
		}
	}
}

func TestAFileThatChangesBeforeItsUploadIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.txt")
	if err := os.WriteFile(path, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Spec{Prompt: "x", Agent: "operator", Window: "w", Attach: []string{path}}.Plan(&secret.Source{})
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []func() error{
		func() error { return os.WriteFile(path, []byte("longer"), 0o600) },
		func() error { return os.Remove(path) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		_, err := p.Uploads[0].Open()
		if input, ok := errors.AsType[*InputError](err); !ok || !strings.HasPrefix(input.Text, path+": ") {
			t.Errorf("%v", err)
		}
	}
}

func TestTheSameFileIsUploadedOnce(t *testing.T) {
	dir := t.TempDir()
	a, link, other := filepath.Join(dir, "a.txt"), filepath.Join(dir, "link.txt"), filepath.Join(dir, "sub", "a.txt")
	if err := os.Mkdir(filepath.Dir(other), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{a, other} {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(a, link); err != nil {
		t.Skip(err)
	}
	p, err := Spec{
		Prompt: "x", Agent: "operator", Window: "w", Attach: []string{a},
		FileVars: []string{"same=" + filepath.Join(dir, "sub", "..", "a.txt"), "otherName=" + link, "other=" + other},
	}.Plan(&secret.Source{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, u := range p.Uploads {
		names = append(names, u.Path)
	}
	// Under another name, the agent sees another file.
	if diff := cmp.Diff([]string{a, link, other}, names); diff != "" {
		t.Error(diff)
	}
}

func TestFlagsOverrideTheFile(t *testing.T) {
	text := `
prompt: from the file
attach: none.txt
browserWindowId: file-w
executionMode: cloud
clearChat: true
saveScreenshots: false
generateGif: false
timeZone: Asia/Tokyo
reasoningMode: low
previousRequestId: req_file
chatHistory: [{role: robot, content: x}]
mcpServers: [{url: nonsense}]
userResourceCredentials: {jira: {token: "env:UNSET"}}
inputVariables: {a: {file: none.txt}, b: 2}
secretVariables: {a: "env:UNSET", b: text}
additionalContext: {a: file, b: file}
`
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	p, err := planOf(t, text, func(s *Spec) {
		s.Prompt, s.WindowFlag, s.Window, s.Mode, s.KeepChat, s.GIF = "typed", true, "flag-w", "client", new(true), new(true)
		s.TimeZone, s.ZoneFlag, s.Reasoning, s.Previous = "UTC", true, "high", "req_flag"
		s.ChatHistory, s.MCP = write("h.json", `[{"role":"user","content":"y"}]`), write("m.json", `[{"url":"https://m.example"}]`)
		s.Credentials, s.Attach = write("c.json", `{"jira":{"token":"t"}}`), []string{write("a.txt", "x")}
		s.Vars, s.SecretVars, s.Context = []string{"a=flag"}, []string{"a=env:SET"}, []string{"a=flag"}
	})
	if err != nil {
		t.Fatal(err)
	}
	body, err := p.Request.MarshalJSON()
	want := `{"prompt":"/Operator typed","timeZone":"UTC","browserWindowId":"flag-w","executionMode":"client","clearChat":false,` +
		`"saveScreenshots":true,"previousRequestId":"req_flag","chatHistory":[{"role":"user","content":"y"}],` +
		`"additionalContext":{"a":"flag","b":"file"},"attachment":{"key":"UPLOAD_KEY_1"},"inputVariables":{"a":"flag","b":2},` +
		`"secretVariables":{"a":"value of SET","b":"text"},` +
		`"mcpServers":[{"url":"https://m.example","label":null,"description":null,"authentication":{"type":"none"},"selectedTools":null}],` +
		`"userResourceCredentials":{"jira":{"token":"t"}},"reasoningMode":"high"}`
	if err != nil || string(body) != want {
		t.Errorf("got  %s, %v\nwant %s", body, err, want)
	}
}

func TestEnvironmentReferencesWorkInSecretFieldsOnly(t *testing.T) {
	p, err := planOf(t, `
prompt: "env:SET"
additionalContext: {a: "env:SET"}
inputVariables: {a: "env:SET"}
secretVariables: {a: "env:SET_1", b: "file:secret.txt"}
`, func(s *Spec) { s.AllowEnv = []string{"SET_1"} }, "secret.txt")
	if err != nil {
		t.Fatal(err)
	}
	body, err := p.Request.MarshalJSON()
	want := `{"prompt":"env:SET","browserWindowId":"w","additionalContext":{"a":"env:SET"},"inputVariables":{"a":"env:SET"},` +
		`"secretVariables":{"a":"value of SET_1","b":"content of secret.txt"}}`
	if err != nil || string(body) != want {
		t.Errorf("got  %s, %v\nwant %s", body, err, want)
	}
	var hidden []string
	for _, s := range p.Secrets {
		hidden = append(hidden, s.Reveal())
	}
	if !strings.Contains(strings.Join(hidden, "|"), "value of SET_1") || !strings.Contains(strings.Join(hidden, "|"), "content of secret.txt") {
		t.Errorf("hidden: %q", hidden)
	}
	_, err = planOf(t, `{"prompt":"x","secretVariables":{"a":"env:SET_2"}}`, func(s *Spec) { s.AllowEnv = []string{"SET_1", "SET"} })
	if err == nil || !strings.Contains(err.Error(), "--allow-env SET_2") {
		t.Errorf("%v", err)
	}
}

// What else a request may have that is a secret is masked, too.
func TestOtherSecretsOfARequestAreHidden(t *testing.T) {
	p, err := planOf(t, `
prompt: x
mcpServers: [{url: "https://m.example/?v=2&key=key-of-a-query"}]
`, func(s *Spec) { s.Fields = []string{`myTokens=["t0ken-of-a-field"]`, `note="n0te"`} })
	if err != nil {
		t.Fatal(err)
	}
	var hidden []string
	for _, s := range p.Secrets {
		hidden = append(hidden, s.Reveal())
	}
	slices.Sort(hidden)
	if want := []string{"key-of-a-query", "t0ken-of-a-field", "v=2&key=key-of-a-query"}; !slices.Equal(hidden, want) {
		t.Errorf("hidden: %q", hidden)
	}
}

// A plan does not change the file, so that it can be planned again.
func TestAFileCanBePlannedTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "task.yaml")
	text := `
prompt: x
secretVariables: {a: "env:A"}
userResourceCredentials: {jira: {token: "env:A"}}
callbackUrl: https://example.com
callbackHeaders: {X-A: "env:A"}
mcpServers: [{url: "https://m.example", authentication: {type: custom-headers, customHeaders: [{key: X-A, value: "env:A"}]}}]
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	value := "env:B" // not a reference, although it looks like one
	source := &secret.Source{Lookup: func(name string) (string, bool) { return value, name == "A" }}
	f, err := ReadFile(path, source)
	if err != nil {
		t.Fatal(err)
	}
	var bodies []string
	for range 2 {
		p, err := Spec{File: f, Agent: "operator", Window: "w", AllowEnv: []string{"A"}}.Plan(source)
		if err != nil {
			t.Fatal(err)
		}
		body, err := p.Request.MarshalJSON()
		if err != nil || strings.Count(string(body), value) != 4 {
			t.Errorf("%s, %v", body, err)
		}
		bodies = append(bodies, string(body))
	}
	if diff := cmp.Diff(bodies[0], bodies[1]); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeErrorsNameThePlace(t *testing.T) {
	for doc, want := range map[string]string{
		`{"a":{"b":["x",{"c":true}]}}`: `a: b: 2: expected string, got object`,
		`{"a":{"b":["x"],"c":"y"}}`:    `a: c: expected array, got string`,
		`{"x":{}, "a":[1]}`:            `a: expected object, got array`,
		`null`:                         `expected object, got null`,
		`3`:                            `expected object, got number`,
	} {
		var into map[string]map[string][]string
		if err := decode(json.RawMessage(doc), &into); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", doc, err, want)
		}
	}
}

// A task file is not trusted.
func FuzzReadFile(f *testing.F) {
	for _, seed := range []string{
		"prompt: x", "prompt: x\nattach: ../../etc/passwd", "inputVariables: {a: {file: /etc/passwd}}", "- a", "prompt: &a x",
		`{"mcpServers":[{"url":"https://m.example","authentication":{"type":"bearer-token","bearerToken":"env:SET"}}]}`,
		"secretVariables: {a: 'file:/etc/passwd'}", "responseFormat: {type: jsonSchema, jsonSchema: {type: object}}",
	} {
		f.Add(seed)
	}
	dir := f.TempDir()
	path := filepath.Join(dir, "task.yaml")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		source := &secret.Source{Lookup: func(string) (string, bool) { return "5cr1pt5-value", true }}
		file, err := ReadFile(path, source)
		if err != nil {
			return
		}
		p, err := Spec{File: file, Prompt: "x", Agent: "operator", Window: "w"}.Plan(source)
		if err != nil {
			return
		}
		body, err := p.Request.MarshalJSON()
		if err != nil {
			return
		}
		if strings.Contains(string(body), "5cr1pt5-value") || strings.Contains(string(body), "root:x:0") {
			t.Errorf("%q: body %s", text, body)
		}
		for _, u := range p.Uploads {
			if !filepath.IsLocal(u.Path) {
				t.Errorf("%q uploads %s", text, u.Path)
			}
		}
	})
}
