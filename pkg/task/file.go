package task

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/narada-cli/narada/pkg/assertion"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/schema"
	"github.com/narada-cli/narada/pkg/secret"
)

// File is a task file in YAML or JSON: the body of a dispatch, and attach. Paths are
// relative to the file and must stay inside its folder. docs/task.schema.json is generated
// from this type.
type File struct {
	Prompt                string                       `json:"prompt,omitempty" jsonschema:"What the agent does, with the agent's prefix. A prompt on the command line overrides it."`
	Attach                string                       `json:"attach,omitempty" jsonschema:"Path of a file to upload and attach, relative to this file and inside its folder."`
	Assert                Assertions                   `json:"assert,omitempty" jsonschema:"jq expressions that must be true of the answer as JSON; not sent."`
	TimeZone              string                       `json:"timeZone,omitempty" jsonschema:"IANA name of the task's time zone, such as Europe/Berlin."`
	BrowserWindowID       string                       `json:"browserWindowId,omitempty" jsonschema:"ID of the browser window to run in; required in client mode."`
	CloudBrowserSessionID string                       `json:"cloudBrowserSessionId,omitempty" jsonschema:"ID of the cloud browser session to run in."`
	ExecutionMode         narada.ExecutionMode         `json:"executionMode,omitempty" jsonschema:"Where the task runs; client by default."`
	ClearChat             *bool                        `json:"clearChat,omitempty" jsonschema:"Clear the chat first; true by default."`
	SaveScreenshots       *bool                        `json:"saveScreenshots,omitempty" jsonschema:"Record the run as a GIF."`
	PreviousRequestID     string                       `json:"previousRequestId,omitempty" jsonschema:"Request ID of the task whose conversation to continue."`
	ChatHistory           []narada.ChatMessage         `json:"chatHistory,omitempty" jsonschema:"Messages of an earlier conversation."`
	AdditionalContext     map[string]string            `json:"additionalContext,omitempty" jsonschema:"Further text for the agent, by name."`
	ResponseFormat        *narada.ResponseFormat       `json:"responseFormat,omitempty" jsonschema:"JSON Schema of the structured data to return."`
	Attachment            *narada.Attachment           `json:"attachment,omitempty" jsonschema:"A file that is already uploaded."`
	InputVariables        map[string]json.RawMessage   `json:"inputVariables,omitempty" jsonschema:"Input variables of a custom agent. {file: PATH} at any depth is a file to upload."`
	SecretVariables       map[string]string            `json:"secretVariables,omitempty" jsonschema:"Values for ${name} in the prompt, hidden from the model: text, env:NAME (requires --allow-env NAME) or file:PATH."`
	MCPServers            []narada.MCPServer           `json:"mcpServers,omitempty" jsonschema:"MCP servers that the agent may call. Tokens and headers: text, env:NAME or file:PATH."`
	Credentials           map[string]map[string]string `json:"userResourceCredentials,omitempty" jsonschema:"Credentials by service, salesforce and jira. Values: text, env:NAME or file:PATH."`
	ReasoningMode         narada.ReasoningMode         `json:"reasoningMode,omitempty" jsonschema:"How much reasoning a built-in agent does."`
	CallbackURL           string                       `json:"callbackUrl,omitempty" jsonschema:"https URL to which the cloud sends the result; for narada dispatch only."`
	CallbackHeaders       map[string]string            `json:"callbackHeaders,omitempty" jsonschema:"Headers of the callback. Values: text, env:NAME or file:PATH."`
	CallbackSecret        string                       `json:"callbackSecret,omitempty" jsonschema:"Secret in the callback's body: text, env:NAME or file:PATH."`
	GenerateGIF           *bool                        `json:"generateGif,omitempty" jsonschema:"Same as saveScreenshots, under the name of the newest documentation."`
	CriticContext         json.RawMessage              `json:"criticContext,omitempty" jsonschema:"What a critic judges: an object."`
	ExecutionTraceContext json.RawMessage              `json:"executionTraceContext,omitempty" jsonschema:"The trace to continue: an object."`

	label string // prefix of its fields in messages, "--task: PATH"; "": none
	disk  disk
	extra map[string]json.RawMessage // unknown fields
}

// Assertions is a list of jq expressions. In JSON, one may stand alone.
type Assertions []string

// UnmarshalJSON implements json.Unmarshaler.
func (a *Assertions) UnmarshalJSON(doc []byte) error {
	if doc[0] == '"' {
		doc = slices.Concat([]byte("["), doc, []byte("]"))
	}
	var list []*string
	if json.Unmarshal(doc, &list) != nil || slices.Contains(list, nil) {
		return errors.New("expected a string or a list of strings")
	}
	for _, text := range list {
		*a = append(*a, *text)
	}
	return nil
}

// fields returns a pointer to each field of a task file, by its JSON name.
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

// ReadFile reads the task file at path, or standard input for -. Its errors are errors of
// the input.
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

// ParseLine reads the JSON object of a batch line as a task file. It cannot name files or
// environment variables. Its errors are errors of the input.
func ParseLine(members map[string]json.RawMessage) (*File, error) {
	f := &File{disk: nowhere{}, extra: map[string]json.RawMessage{}}
	return f, f.fill(members)
}

// fill sets the fields.
func (f *File) fill(members map[string]json.RawMessage) error {
	known := f.fields()
	for _, name := range slices.Sorted(maps.Keys(members)) {
		into, ok := known[name]
		switch {
		case !ok && guarded(name) != "":
			return f.error(name, fmt.Errorf("unknown field; did you mean %s?", guarded(name)))
		case !ok:
			f.extra[name] = members[name]
		case string(members[name]) == "null": // omitted: null is never sent
		default:
			if err := f.decode(name, members[name], into); err != nil {
				return f.error(name, err)
			}
		}
	}
	return f.check()
}

// decode reads one field. A null instead of a string would be sent as "".
func (f *File) decode(name string, doc json.RawMessage, into any) error {
	switch name {
	case "secretVariables", "additionalContext", "callbackHeaders", "userResourceCredentials", "chatHistory":
		if err := refuseNulls(doc); err != nil {
			return err
		}
	}
	return decode(doc, into)
}

// guarded returns the field for answers or secrets that equals name in another case, "" if
// there is none. A server that ignores case would bypass the checks of such a field.
func guarded(name string) string {
	for _, field := range []string{"callbackUrl", "callbackHeaders", "callbackSecret", "secretVariables", "mcpServers", "userResourceCredentials"} {
		if strings.EqualFold(name, field) {
			return field
		}
	}
	return ""
}

// check checks the fields that no other step checks.
func (f *File) check() error {
	switch isObject := func(doc json.RawMessage) bool { return doc == nil || doc[0] == '{' }; {
	case !isObject(f.CriticContext):
		return f.error("criticContext", errors.New("must be an object"))
	case !isObject(f.ExecutionTraceContext):
		return f.error("executionTraceContext", errors.New("must be an object"))
	case f.Attach != "" && f.Attachment != nil:
		return f.error("attach", errors.New("cannot be used together with attachment"))
	case f.Attachment != nil && f.Attachment.Key == "":
		return f.error("attachment", errors.New("key is missing"))
	case f.Prompt == "":
		return nil
	}
	if _, err := checkPrompt(f.Prompt); err != nil {
		return f.error("prompt", err)
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

// base builds the request from the task file, before flags override it.
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
	var err error
	if p.Asserts, err = assertion.Parse(f.Assert...); err != nil {
		return f.error("assert", err)
	}
	if err := f.resolve(s, p, w); err != nil {
		return err
	}
	return f.callback(s, p, w)
}

// resolve resolves the fields that name files and secrets.
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

// variables resolves the input variables that no flag overrides.
func (f *File) variables(overridden []string, p *Plan, w *written) error {
	for _, name := range slices.Sorted(maps.Keys(f.InputVariables)) {
		if slices.Contains(overridden, name) {
			continue
		}
		value, err := w.variable(f.InputVariables[name])
		if err != nil {
			return f.error("inputVariables: "+name, err)
		}
		put(&p.Request.InputVariables, name, value)
	}
	return nil
}

// secrets resolves the fields with secrets that no flag overrides.
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

// schema sets the file's JSON Schema, and compiles it to check the answer.
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

// callback sets the file's callback.
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

// headers returns the callback headers that no flag overrides. Names ignore case.
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

// namesOf returns the names of NAME=VALUE strings.
func namesOf(lists ...[]string) []string {
	var names []string
	for _, text := range slices.Concat(lists...) {
		name, _, _ := strings.Cut(text, "=")
		names = append(names, name)
	}
	return names
}
