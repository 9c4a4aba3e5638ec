package task

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"slices"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret"
)

// Template builds the plans of many tasks with common flags.
type Template struct {
	spec   Spec
	source *secret.Source

	// Plan is the common part. Its uploads are made once, before the first task. Its
	// prompt is a placeholder.
	Plan *Plan
}

const placeholder = "PROMPT"

// Template checks the flags and resolves their files and secrets. Its errors are errors of
// the input.
func (s Spec) Template(source *secret.Source) (*Template, error) {
	if s.File != nil && s.File.Prompt != "" {
		return nil, inputError("remove it", "%s cannot be set: each line has its own prompt", s.File.at("prompt"))
	}
	s.Prompt = placeholder
	plan, err := s.Plan(source)
	if err != nil {
		return nil, err
	}
	return &Template{spec: s, source: source, Plan: plan}, nil
}

// Text returns the plan of a task that is only a prompt.
func (t *Template) Text(prompt string) (*Plan, error) {
	spec := t.spec
	var err error
	if spec.Prompt, err = checkPrompt(prompt); err != nil {
		return nil, err
	}
	request := *t.Plan.Request
	if request.Prompt, err = spec.prompt(); err != nil {
		return nil, err
	}
	p := &Plan{Request: &request, Prompt: spec.Prompt, Schema: t.Plan.Schema, Asserts: t.Plan.Asserts}
	return p, spec.modes(p, t.source)
}

// Object returns the plan of a task with its own fields, which override the flags. Its prompt
// gets the agent's prefix, as that of Text does.
func (t *Template) Object(f *File) (*Plan, error) {
	if f.Prompt == "" {
		return nil, inputError("", "no prompt")
	}
	prompt, err := checkPrompt(f.Prompt)
	if err != nil {
		return nil, err
	}
	own := Spec{File: f, Prompt: prompt, Agent: t.spec.Agent, AgentFlag: t.spec.AgentFlag, Raw: t.spec.Raw, AnyWindow: true, OwnCallback: true,
		NoValidate: t.spec.NoValidate}
	p, err := own.Plan(t.source)
	if err != nil {
		return nil, err
	}
	p.Request = merge(t.Plan.Request, p.Request)
	p.Asserts = slices.Concat(t.Plan.Asserts, p.Asserts)
	if p.Schema == nil {
		p.Schema = t.Plan.Schema
	}
	if err := own.modes(p, t.source); err != nil {
		return nil, err
	}
	return p, own.place(p, t.source)
}

// Digests returns a digest of each part of what the tasks have in common: their agent, their
// schema, and the other fields. The values of secrets, and where a task runs, do not count.
// It is called before the uploads are done.
func (t *Template) Digests() map[string]string {
	r := t.Plan.Request.Masked()
	agent, schema := r.Prompt, r.ResponseFormat
	r.Prompt, r.ResponseFormat, r.BrowserWindowID, r.CloudBrowserSessionID, r.ExecutionTraceContext = "", nil, "", "", nil
	if !t.spec.ZoneFlag && r.TimeZone == t.spec.TimeZone { // that of the machine
		r.TimeZone = ""
	}
	type file struct {
		Path string
		Size int64
	}
	var files []file
	for _, u := range t.Plan.Uploads {
		files = append(files, file{u.Path, u.Size})
	}
	return map[string]string{"agent": digest(agent), "schema": digest(schema), "flags": digest(r, files)}
}

// digest returns a digest of values that can be encoded as JSON.
func digest(values ...any) string {
	doc, _ := json.Marshal(values) // they are parts of a request that was checked
	sum := sha256.Sum256(doc)
	return hex.EncodeToString(sum[:16])
}

// merge returns a copy of over with the fields that only under has. Maps are merged by
// name.
func merge(under, over *narada.Request) *narada.Request {
	r := *over
	to, from := reflect.ValueOf(&r).Elem(), reflect.ValueOf(under).Elem()
	for i := range to.NumField() {
		field, other := to.Field(i), from.Field(i)
		switch {
		case field.IsZero():
			field.Set(other)
		case field.Kind() == reflect.Map:
			merged := reflect.MakeMap(field.Type())
			for _, values := range []reflect.Value{other, field} {
				for name, value := range values.Seq2() {
					merged.SetMapIndex(name, value)
				}
			}
			field.Set(merged)
		}
	}
	if over.CloudBrowserSessionID != "" { // a session has its own window
		r.BrowserWindowID = over.BrowserWindowID
	}
	if _, has := over.Extra["generateGif"]; has { // an alias
		r.SaveScreenshots = over.SaveScreenshots
	}
	return &r
}
