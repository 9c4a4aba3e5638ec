package cmd

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/jsonschema-go/jsonschema"
	"golang.org/x/tools/txtar"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/schema"
	"github.com/narada-cli/narada/pkg/task"
	"github.com/narada-cli/narada/pkg/yamljson"
)

const taskSchemaPath = "../docs/task.schema.json"

// taskSchema makes the JSON Schema of a task file from the Go types.
func taskSchema(t *testing.T) []byte {
	t.Helper()
	words := func(values ...any) *jsonschema.Schema { return &jsonschema.Schema{Type: "string", Enum: values} }
	s, err := jsonschema.For[task.File](&jsonschema.ForOptions{TypeSchemas: map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[json.RawMessage]():      {},
		reflect.TypeFor[task.Assertions]():      {OneOf: []*jsonschema.Schema{{Type: "string"}, {Type: "array", Items: &jsonschema.Schema{Type: "string"}}}},
		reflect.TypeFor[narada.ExecutionMode](): words(narada.ModeClient, narada.ModeCloud, narada.ModeCloudBrowser),
		reflect.TypeFor[narada.ReasoningMode](): words(narada.ReasoningNone, narada.ReasoningLow, narada.ReasoningMedium, narada.ReasoningHigh),
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.Schema, s.Title = "https://json-schema.org/draft/2020-12/schema", "narada task file"
	s.AdditionalProperties = nil // unknown fields are sent, with a warning
	for _, name := range []string{"criticContext", "executionTraceContext"} {
		s.Properties[name].Type = "object"
	}
	for _, p := range s.Properties { // a nil field is omitted
		if len(p.Types) == 2 && p.Types[0] == "null" {
			p.Type, p.Types = p.Types[1], nil
		}
	}
	s.Properties["chatHistory"].Items.Properties["role"].Enum = []any{"user", "assistant"}
	s.Properties["responseFormat"].Properties["type"].Enum = []any{"jsonSchema"}
	server := s.Properties["mcpServers"].Items
	server.Required = []string{"url"}
	server.Properties["authentication"].Properties["type"].Enum = []any{"none", "bearer-token", "custom-headers"}
	doc, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(doc, '\n')
}

func TestGeneratedTaskSchemaIsUpToDate(t *testing.T) {
	want := taskSchema(t)
	if *update {
		if err := os.WriteFile(taskSchemaPath, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(taskSchemaPath)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is stale: run go test ./cmd -run Generated -update\n%s", taskSchemaPath, diff)
	}
}

// The schema accepts the task files that narada accepts, and no others.
func TestTaskSchemaAgreesWithNarada(t *testing.T) {
	compiled, err := schema.Compile(taskSchema(t))
	if err != nil {
		t.Fatal(err)
	}
	violations := func(text []byte) []schema.Violation {
		t.Helper()
		doc, err := yamljson.Read(text)
		if err != nil {
			t.Fatal(err)
		}
		list, err := compiled.Validate(doc)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	paths, err := filepath.Glob("testdata/fields/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d fields, %v", len(paths), err)
	}
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if f.Name == "task.yaml" {
				if list := violations(f.Data); list != nil {
					t.Errorf("%s: %v", path, list)
				}
			}
		}
	}
	for text, want := range map[string]string{
		"prompt: 3":           "/prompt",
		"executionMode: moon": "/executionMode",
		"reasoningMode: deep": "/reasoningMode",
		"chatHistory: [{role: system, content: x}]":     "/chatHistory/0/role",
		"mcpServers: [{url: x, lable: y}]":              "/mcpServers/0",
		"mcpServers: [{authentication: {type: basic}}]": "/mcpServers/0",
		"assert: 3":                 "/assert",
		"assert: [a, 1]":            "/assert",
		"criticContext: [1]":        "/criticContext",
		"additionalContext: {a: 1}": "/additionalContext/a",
	} {
		if list := violations([]byte(text)); len(list) == 0 || !strings.HasPrefix(list[0].Pointer, want) {
			t.Errorf("%s: %v", text, list)
		}
	}
	if !bytes.Contains(taskSchema(t), []byte("env:NAME")) {
		t.Error("the fields are not described")
	}
}
