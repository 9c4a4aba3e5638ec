package task

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/schema"
	"github.com/narada-cli/narada/pkg/secret"
)

// File is a task file: the body of a dispatch in Narada's own names, and attach.
// It is YAML or JSON. Paths are relative to the file and stay inside its folder.
// docs/task.schema.json is made of this type.
type File struct {
	Prompt                string                       `json:"prompt,omitempty" jsonschema:"What the agent is to do, with the agent's prefix, as it is sent. A prompt on the command line wins over it."`
	Attach                string                       `json:"attach,omitempty" jsonschema:"Path of a file to upload and attach, relative to this file and inside its folder."`
	TimeZone              string                       `json:"timeZone,omitempty" jsonschema:"IANA name of the task's time zone, as Europe/Berlin."`
	BrowserWindowID       string                       `json:"browserWindowId,omitempty" jsonschema:"The browser window to run in; client mode needs one."`
	CloudBrowserSessionID string                       `json:"cloudBrowserSessionId,omitempty" jsonschema:"The cloud browser session to run in."`
	ExecutionMode         narada.ExecutionMode         `json:"executionMode,omitempty" jsonschema:"Where the task runs; client by default."`
	ClearChat             *bool                        `json:"clearChat,omitempty" jsonschema:"Clear the chat first; true by default."`
	SaveScreenshots       *bool                        `json:"saveScreenshots,omitempty" jsonschema:"Record the run as a GIF."`
	PreviousRequestID     string                       `json:"previousRequestId,omitempty" jsonschema:"Request ID of the task whose conversation is continued."`
	ChatHistory           []narada.ChatMessage         `json:"chatHistory,omitempty" jsonschema:"Turns of an earlier conversation."`
	AdditionalContext     map[string]string            `json:"additionalContext,omitempty" jsonschema:"Texts that the agent knows beside the prompt."`
	ResponseFormat        *narada.ResponseFormat       `json:"responseFormat,omitempty" jsonschema:"The form of the structured data that is asked for."`
	Attachment            *narada.Attachment           `json:"attachment,omitempty" jsonschema:"A file that was uploaded before."`
	InputVariables        map[string]json.RawMessage   `json:"inputVariables,omitempty" jsonschema:"Values for a custom agent. {file: PATH} at any depth is a file to upload."`
	SecretVariables       map[string]string            `json:"secretVariables,omitempty" jsonschema:"Values for ${name} in the prompt that the model does not see: text, env:NAME (to be allowed with --allow-env) or file:PATH."`
	MCPServers            []narada.MCPServer           `json:"mcpServers,omitempty" jsonschema:"MCP servers that the agent may call. Tokens and headers: text, env:NAME or file:PATH."`
	Credentials           map[string]map[string]string `json:"userResourceCredentials,omitempty" jsonschema:"Credentials by service, salesforce and jira. Values: text, env:NAME or file:PATH."`
	ReasoningMode         narada.ReasoningMode         `json:"reasoningMode,omitempty" jsonschema:"How much a built-in agent thinks."`
	CallbackURL           string                       `json:"callbackUrl,omitempty" jsonschema:"https URL that the cloud sends the result to; for narada dispatch only."`
	CallbackHeaders       map[string]string            `json:"callbackHeaders,omitempty" jsonschema:"Headers of the callback. Values: text, env:NAME or file:PATH."`
	CallbackSecret        string                       `json:"callbackSecret,omitempty" jsonschema:"Secret in the callback's body: text, env:NAME or file:PATH."`
	GenerateGIF           *bool                        `json:"generateGif,omitempty" jsonschema:"The same as saveScreenshots, in the name of the newest documentation."`
	CriticContext         json.RawMessage              `json:"criticContext,omitempty" jsonschema:"What a critic is to judge: an object."`
	ExecutionTraceContext json.RawMessage              `json:"executionTraceContext,omitempty" jsonschema:"The trace that this task continues: an object."`

	label string // what its fields are said to be of: --task: PATH; "": nothing more
	disk  disk
	extra map[string]json.RawMessage // fields that this program does not know
}

// fields are the names that a task file knows, and where their values go.
func (f *File) fields() map[string]any {
	fields := map[string]any{}
	values := reflect.ValueOf(f).Elem()
	for i := range values.NumField() {
		if name, _, _ := strings.Cut(values.Type().Field(i).Tag.Get("json"), ","); name != "" {
			fields[name] = values.Field(i).Addr().Interface()
		}
	}
	return fields
}

// ReadFile reads the task file at path, or on standard input for -. Its errors
// are about the input.
func ReadFile(path string, source *secret.Source) (*File, error) {
	doc, from, err := readDocument(path, source)
	if err != nil {
		return nil, inputError("", "--task: %v", err)
	}
	f := &File{label: "--task: " + path, disk: from, extra: map[string]json.RawMessage{}}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(doc, &members); err != nil || members == nil {
		return nil, inputError("the fields are listed in https://github.com/narada-cli/narada/blob/main/docs/task-files.md", "--task: %s: expected an object with the fields of a task", path)
	}
	return f, f.fill(members)
}

// ParseLine makes a task file of a line's JSON object, given by its members. It
// may name neither files nor environment variables. Its errors are about the input.
func ParseLine(members map[string]json.RawMessage) (*File, error) {
	f := &File{disk: nowhere{}, extra: map[string]json.RawMessage{}}
	return f, f.fill(members)
}

// fill takes the fields.
func (f *File) fill(members map[string]json.RawMessage) error {
	known := f.fields()
	for _, name := range slices.Sorted(maps.Keys(members)) {
		into, ok := known[name]
		switch {
		case !ok && guarded(name) != "":
			return f.error(name, fmt.Errorf("unknown field; did you mean %s?", guarded(name)))
		case !ok:
			f.extra[name] = members[name]
		case string(members[name]) == "null": // left out: the cloud gets no nulls
		default:
			if err := f.decode(name, members[name], into); err != nil {
				return f.error(name, err)
			}
		}
	}
	return f.check()
}

// decode reads one field. A null inside what has texts would be sent as an empty
// one.
func (f *File) decode(name string, doc json.RawMessage, into any) error {
	switch name {
	case "secretVariables", "additionalContext", "callbackHeaders", "userResourceCredentials", "chatHistory":
		if err := refuseNulls(doc); err != nil {
			return err
		}
	}
	return decode(doc, into)
}

// guarded returns the field, of those that say where answers and secrets go, that
// name is but for its case: a server may be lenient, and our checks would be
// passed by. It is "" for other names.
func guarded(name string) string {
	for _, field := range []string{"callbackUrl", "callbackHeaders", "callbackSecret", "secretVariables", "mcpServers", "userResourceCredentials"} {
		if strings.EqualFold(name, field) {
			return field
		}
	}
	return ""
}

// check finds what is wrong with fields that no other step checks.
func (f *File) check() error {
	for _, part := range []struct {
		name  string
		value json.RawMessage
	}{{"criticContext", f.CriticContext}, {"executionTraceContext", f.ExecutionTraceContext}} {
		if part.value != nil && part.value[0] != '{' {
			return f.error(part.name, fmt.Errorf("must be an object"))
		}
	}
	if f.Attach != "" && f.Attachment != nil {
		return f.error("attach", fmt.Errorf("cannot be used together with attachment"))
	}
	if f.Attachment != nil && f.Attachment.Key == "" {
		return f.error("attachment", fmt.Errorf("key is missing"))
	}
	if f.Prompt != "" {
		if _, err := checkPrompt(f.Prompt); err != nil {
			return f.error("prompt", err)
		}
	}
	return nil
}

func (f *File) error(field string, err error) error {
	return inputError("", "%s: %v", f.at(field), err)
}

// at names a field in messages.
func (f *File) at(field string) string {
	if f.label == "" {
		return field
	}
	return f.label + ": " + field
}

// base makes the request of the task file, which the flags win over.
func (s Spec) base(p *Plan, source *secret.Source) error {
	f := s.File
	if f == nil {
		return nil
	}
	p.Request = &narada.Request{
		BrowserWindowID: f.BrowserWindowID, CloudBrowserSessionID: f.CloudBrowserSessionID, TimeZone: f.TimeZone,
		ExecutionMode: f.ExecutionMode, ReasoningMode: f.ReasoningMode, PreviousRequestID: f.PreviousRequestID,
		ClearChat: f.ClearChat, SaveScreenshots: f.SaveScreenshots, Attachment: f.Attachment,
		AdditionalContext: maps.Clone(f.AdditionalContext),
		CriticContext:     f.CriticContext, ExecutionTraceContext: f.ExecutionTraceContext,
		Extra: maps.Clone(f.extra),
	}
	if f.GenerateGIF != nil {
		p.Request.Extra["generateGif"] = json.RawMessage(fmt.Sprint(*f.GenerateGIF))
	}
	names := slices.Sorted(maps.Keys(f.fields()))
	for _, name := range slices.Sorted(maps.Keys(f.extra)) {
		p.warn(f.at(fmt.Sprintf("unknown field %q is sent unchanged%s", name, near(name, names))))
	}
	w := &written{disk: f.disk, source: source, allowEnv: s.AllowEnv, plan: p}
	if err := f.resolve(s, p, w); err != nil {
		return err
	}
	return f.callback(s, p, w)
}

// resolve reads the fields that name files and secrets.
func (f *File) resolve(s Spec, p *Plan, w *written) error {
	fields := namesOf(s.Fields)
	if f.Attach != "" && len(s.Attach) == 0 && !slices.Contains(fields, "attachment") {
		if err := p.attach(f.disk, f.Attach); err != nil {
			return f.error("attach", err)
		}
	}
	if !slices.Contains(fields, "inputVariables") {
		if err := f.variables(namesOf(s.Vars, s.JSONVars, s.FileVars), p, w); err != nil {
			return err
		}
	}
	if err := f.secrets(s, p, w); err != nil {
		return err
	}
	if s.ChatHistory == "" {
		p.Request.ChatHistory = f.ChatHistory
		if err := checkHistory(f.ChatHistory); err != nil {
			return f.error("chatHistory", err)
		}
	}
	return f.schema(s, p)
}

// variables reads the input variables but for those that flags give.
func (f *File) variables(overridden []string, p *Plan, w *written) error {
	for _, name := range slices.Sorted(maps.Keys(f.InputVariables)) {
		if slices.Contains(overridden, name) {
			continue
		}
		value, err := w.variable(f.InputVariables[name], 0)
		if err != nil {
			return f.error("inputVariables: "+name, err)
		}
		put(&p.Request.InputVariables, name, value)
	}
	return nil
}

// secrets reads the fields that hold secrets, but for what flags give.
func (f *File) secrets(s Spec, p *Plan, w *written) (err error) {
	secrets := maps.Clone(f.SecretVariables)
	for _, name := range namesOf(s.SecretVars) {
		delete(secrets, name)
	}
	if p.Request.SecretVariables, err = w.secrets(secrets); err != nil {
		return f.error("secretVariables", err)
	}
	if s.MCP == "" {
		if p.Request.MCPServers, err = w.servers(f.MCPServers); err != nil {
			return f.error("mcpServers", err)
		}
	}
	if s.Credentials == "" {
		if p.Request.Credentials, err = w.credentials(f.Credentials); err != nil {
			return f.error("userResourceCredentials", err)
		}
	}
	return nil
}

// schema takes the schema that the file asks for, and compiles it if the answer
// is to be checked.
func (f *File) schema(s Spec, p *Plan) error {
	format := f.ResponseFormat
	if format == nil || s.Schema != "" {
		return nil
	}
	if format.Type != "jsonSchema" {
		return f.error("responseFormat", fmt.Errorf("the type %q is not jsonSchema", format.Type))
	}
	p.Request.ResponseFormat = format
	if s.NoValidate {
		return nil
	}
	compiled, err := schema.Compile(format.JSONSchema)
	if err != nil {
		return f.error("responseFormat", err)
	}
	p.Schema = compiled
	return nil
}

// callback takes over where the file wants the callback to go.
func (f *File) callback(s Spec, p *Plan, w *written) error {
	if f.CallbackURL == "" && f.CallbackSecret == "" && f.CallbackHeaders == nil {
		return nil
	}
	if s.OwnCallback {
		return inputError(useDispatch, "%s", f.at("a callback cannot be set: this command opens its own callback endpoint"))
	}
	if f.CallbackURL != "" && s.Callback.URL == "" {
		if err := CheckCallbackURL(f.CallbackURL); err != nil {
			return f.error("callbackUrl", err)
		}
	}
	p.Request.CallbackURL = f.CallbackURL
	headers, err := f.headers(s)
	if err == nil {
		p.Request.CallbackHeaders, err = w.secrets(headers)
	}
	if err != nil {
		return f.error("callbackHeaders", err)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Request.CallbackHeaders)) {
		if err := secret.CheckHeader(name, p.Request.CallbackHeaders[name]); err != nil {
			return f.error("callbackHeaders", err)
		}
	}
	if f.CallbackSecret != "" && s.Callback.Secret == "" {
		value, err := w.secret(f.CallbackSecret)
		if err != nil {
			return f.error("callbackSecret", err)
		}
		p.Request.CallbackSecret = value
	}
	return nil
}

// headers are the callback headers that no flag replaces. Names are the same in
// any case.
func (f *File) headers(s Spec) (map[string]string, error) {
	flags := map[string]bool{}
	for _, text := range s.Callback.Headers {
		name, _, _ := strings.Cut(text, ":")
		flags[http.CanonicalHeaderKey(strings.TrimSpace(name))] = true
	}
	seen, rest := map[string]bool{}, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(f.CallbackHeaders)) {
		key := http.CanonicalHeaderKey(name)
		if seen[key] {
			return nil, fmt.Errorf("duplicate header %s", name)
		}
		if seen[key] = true; !flags[key] {
			rest[name] = f.CallbackHeaders[name]
		}
	}
	return rest, nil
}

// namesOf returns the names of NAME=VALUE texts.
func namesOf(lists ...[]string) []string {
	var names []string
	for _, text := range slices.Concat(lists...) {
		name, _, _ := strings.Cut(text, "=")
		names = append(names, name)
	}
	return names
}
