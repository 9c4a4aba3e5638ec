// Package task builds a narada.Request from flags, files and references to secrets. It
// finds every error of the input before anything is sent.
//
// The package is private to narada.
package task

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/narada-cli/narada/pkg/assertion"
	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/schema"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/textfile"
)

// Spec is a task as the user wrote it. The zero value of a field is a flag that is not
// set.
type Spec struct {
	File         *File  // task file, which flags override; nil: none
	Prompt       string // from ReadPrompt; "": the task file's
	Agent        string
	AgentFlag    bool // Agent is set by a flag, not by a setting
	Raw          bool // send the prompt unchanged
	Window       string
	WindowFlag   bool // Window is set by a flag
	Mode         string
	CloudSession string
	NewSession   bool     // start a session for the task
	AnyWindow    bool     // no window is required, as by the sandbox
	Schema       string   // path of a JSON Schema, or -
	NoValidate   bool     // do not compile the schema or check the answer
	Assert       []string // jq expressions that must be true of the answer
	Previous     string
	KeepChat     *bool
	GIF          *bool
	Reasoning    string
	TimeZone     string
	ZoneFlag     bool // TimeZone is set by a flag

	Attach      []string // paths
	Vars        []string // NAME=TEXT
	JSONVars    []string // NAME=JSON
	FileVars    []string // NAME=PATH
	SecretVars  []string // NAME=reference
	Context     []string // NAME=TEXT
	MCP         string   // path, or -
	ChatHistory string   // path, or -
	Credentials string   // path, or -
	AllowEnv    []string // environment variables that a file may use
	Fields      []string // NAME=JSON

	Callback     Callback
	OwnCallback  bool   // the command opens its own callback endpoint
	TraceContext string // JSON, from the environment
}

// Callback is where the cloud sends the result, as the user wrote it.
type Callback struct {
	URL     string
	Secret  string   // reference
	Headers []string // "Name: value"; the value may be a reference
}

// Plan is a task that is ready to be sent once its uploads are done.
type Plan struct {
	Request  *narada.Request
	Prompt   string // as written, without the agent's prefix
	Uploads  []*Upload
	Schema   *schema.Schema // of the answer; nil: do not check it
	Asserts  assertion.List // what must be true of the answer
	Secrets  []secret.String
	Warnings []string

	references map[string]secret.String // the secrets that have a reference, by their values
}

// InputError is an error of the input. Nothing was sent.
type InputError struct {
	Text string
	Next string // hint; "": none
}

func (e *InputError) Error() string { return e.Text }

// Hint returns the hint.
func (e *InputError) Hint() string { return e.Next }

// inputError returns an *InputError. The hint of text that cannot be read comes first.
func inputError(hint, format string, args ...any) error {
	for _, arg := range args {
		if err, ok := arg.(error); ok {
			if encoding, ok := errors.AsType[*textfile.EncodingError](err); ok {
				hint = encoding.Hint()
			}
		}
	}
	return &InputError{Text: fmt.Sprintf(format, args...), Next: hint}
}

// Plan checks the task and resolves its files and secrets. Its errors are errors of the
// input.
func (s Spec) Plan(source *secret.Source) (*Plan, error) {
	prompt, err := s.prompt()
	if err != nil {
		return nil, err
	}
	p := &Plan{Request: &narada.Request{}, Prompt: s.Prompt, references: map[string]secret.String{}}
	if err := s.base(p, source); err != nil {
		return nil, err
	}
	p.Request.Prompt = prompt
	if p.Prompt == "" && s.File != nil {
		p.Prompt = s.File.Prompt
	}
	s.overlay(p.Request)
	steps := []func(*Plan, *secret.Source) error{
		s.modes, s.window, s.place, s.timeZone, s.schema, s.assertions, s.attachment, s.variables, s.context, s.secretVariables,
		s.documents, s.callback, s.fields, s.traceContext,
	}
	for _, step := range steps {
		if err := step(p, source); err != nil {
			return nil, err
		}
	}
	other := narada.Request{Extra: p.Request.Extra} // the rest is hidden as it is read
	other.WithSecrets(func(_, value string) string {
		p.hide(secret.New(value))
		return value
	})
	return p, nil
}

// overlay overrides fields of the task file with the flags that need no check.
func (s Spec) overlay(r *narada.Request) {
	if s.CloudSession != "" {
		r.CloudBrowserSessionID = s.CloudSession
	}
	// A session has its own window; the window of the settings is on the user's machine.
	ownWindow := s.NewSession || r.CloudBrowserSessionID != ""
	if s.Window != "" && (s.WindowFlag || r.BrowserWindowID == "" && !ownWindow) {
		r.BrowserWindowID = s.Window
	}
	if s.Previous != "" {
		r.PreviousRequestID = s.Previous
	}
	if s.KeepChat != nil {
		r.ClearChat = new(!*s.KeepChat)
	}
	if s.GIF != nil {
		r.SaveScreenshots = s.GIF
		delete(r.Extra, "generateGif")
	}
	if s.Mode != "" {
		r.ExecutionMode = narada.ExecutionMode(s.Mode)
	}
	if s.Reasoning != "" {
		r.ReasoningMode = narada.ReasoningMode(s.Reasoning)
	}
}

// from names the source of a value: the flag if it is set, else the task file's field.
func (s Spec) from(flag string, given bool, field string) string {
	if given || s.File == nil {
		return flag
	}
	return s.File.at(field)
}

func (s Spec) modes(p *Plan, _ *secret.Source) error {
	r := p.Request
	switch r.ExecutionMode {
	case "", narada.ModeClient, narada.ModeCloud, narada.ModeCloudBrowser:
	default:
		return inputError("", "%s: %q is not client, cloud or cloud_browser", s.from("--mode", s.Mode != "", "executionMode"), r.ExecutionMode)
	}
	reasoning := s.from("--reasoning", s.Reasoning != "", "reasoningMode")
	switch r.ReasoningMode {
	case "", narada.ReasoningNone, narada.ReasoningLow, narada.ReasoningMedium, narada.ReasoningHigh:
	default:
		return inputError("", "%s: %q is not none, low, medium or high", reasoning, r.ReasoningMode)
	}
	if name := s.named(r.Prompt); name != "" && r.ReasoningMode != "" {
		return inputError("use one of them", "%s requires a built-in agent; %q is not one", reasoning, name)
	}
	if r.PreviousRequestID != "" {
		if err := narada.CheckRequestID(r.PreviousRequestID); err != nil {
			return inputError("", "%s: %v", s.from("--previous", s.Previous != "", "previousRequestId"), err)
		}
	}
	return nil
}

func (s Spec) window(p *Plan, _ *secret.Source) error {
	if p.Request.BrowserWindowID == "" {
		return nil
	}
	if err := narada.CheckWindowID(p.Request.BrowserWindowID); err != nil {
		return inputError("", "%s: %v", s.from("--window", s.WindowFlag, "browserWindowId"), err)
	}
	return nil
}

// place checks where the task will run.
func (s Spec) place(p *Plan, _ *secret.Source) error {
	r := p.Request
	if r.CloudBrowserSessionID != "" {
		if err := narada.CheckSessionID(r.CloudBrowserSessionID); err != nil {
			return inputError("", "%s: %v", s.from("--cloud-session", s.CloudSession != "", "cloudBrowserSessionId"), err)
		}
	}
	switch {
	case s.NewSession && r.CloudBrowserSessionID != "":
		return inputError("use one of them", "--new-session and %s cannot be used together", s.from("--cloud-session", s.CloudSession != "", "cloudBrowserSessionId"))
	case s.NewSession && r.ExecutionMode == narada.ModeClient:
		return inputError("use one of them", "--new-session starts a session in the cloud, but %s is client", s.from("--mode", s.Mode != "", "executionMode"))
	case s.NewSession && r.BrowserWindowID != "":
		return inputError("use one of them", "--new-session and %s cannot be used together: a session has its own window", s.from("--window", s.WindowFlag, "browserWindowId"))
	}
	inClient := r.ExecutionMode == "" && r.CloudBrowserSessionID == "" || r.ExecutionMode == narada.ModeClient
	if inClient && r.BrowserWindowID == "" && !s.NewSession && !s.AnyWindow {
		p.warn("no browser window: set one with --window ID, or use --mode cloud_browser")
	}
	return nil
}

func (s Spec) timeZone(p *Plan, _ *secret.Source) error {
	if s.TimeZone != "" && (s.ZoneFlag || p.Request.TimeZone == "") {
		p.Request.TimeZone = s.TimeZone
	}
	if p.Request.TimeZone == "" {
		return nil
	}
	if err := CheckZone(p.Request.TimeZone); err != nil {
		return inputError("use an IANA name such as Europe/Berlin or America/Los_Angeles", "%s: %v", s.from("--time-zone", s.ZoneFlag, "timeZone"), err)
	}
	return nil
}

func (s Spec) schema(p *Plan, source *secret.Source) error {
	if s.Schema == "" {
		return nil
	}
	doc, compiled, err := LoadSchema(s.Schema, !s.NoValidate, source)
	if err != nil {
		return err
	}
	p.Request.ResponseFormat, p.Schema = narada.JSONSchema(doc), compiled
	return nil
}

// assertions adds those of the flags to those of the task file.
func (s Spec) assertions(p *Plan, _ *secret.Source) error {
	list, err := assertion.Parse(s.Assert...)
	if err != nil {
		return inputError("", "--assert: %v", err)
	}
	p.Asserts = append(list, p.Asserts...)
	return nil
}

// TraceContextVariable is the environment variable with the trace of the task in which
// this program runs.
const TraceContextVariable = "NARADA_EXECUTION_TRACE_CONTEXT"

// traceContext continues the trace of the environment unless another one is set.
func (s Spec) traceContext(p *Plan, _ *secret.Source) error {
	if s.TraceContext == "" || p.Request.ExecutionTraceContext != nil {
		return nil
	}
	if err := checkObject([]byte(s.TraceContext)); err != nil {
		return inputError("unset the variable if you did not set it", "%s: %v", TraceContextVariable, err)
	}
	p.Request.ExecutionTraceContext = json.RawMessage(s.TraceContext)
	return nil
}

func checkObject(doc []byte) error {
	var members map[string]json.RawMessage
	if err := checkJSON(string(doc)); err != nil {
		return err
	}
	if json.Unmarshal(doc, &members) != nil || members == nil {
		return errors.New("not a JSON object")
	}
	return nil
}

// fieldOwners has the flag for each member of the body that --field must not set.
var fieldOwners = map[string]string{
	"prompt": "PROMPT", "browserWindowId": "--window", "cloudBrowserSessionId": "--cloud-session",
	"executionMode": "--mode", "clearChat": "--keep-chat", "saveScreenshots": "--gif",
	"previousRequestId": "--previous", "responseFormat": "--schema", "timeZone": "--time-zone",
	"reasoningMode": "--reasoning", "assert": "--assert", "callbackUrl": "--callback-url", "callbackHeaders": "--callback-header",
	"callbackSecret": "--callback-secret", "secretVariables": "--secret-var", "mcpServers": "--mcp",
	"userResourceCredentials": "--credentials",
}

// quoteStrings is the hint for a field that is not JSON.
const quoteStrings = `put strings in quotes: --field 'NAME="text"'`

func (s Spec) fields(p *Plan, source *secret.Source) error {
	given := map[string]bool{}
	for _, field := range s.Fields {
		name, text, ok := strings.Cut(field, "=")
		if !ok || name == "" {
			return inputError(`write it as --field 'NAME=JSON'`, "--field: expected NAME=JSON, got %q", field)
		}
		if s.OwnCallback && strings.HasPrefix(fieldOwners[name], "--callback-") {
			return inputError(useDispatch, "--field %s: this command opens its own callback endpoint", name)
		}
		if flag, owned := fieldOwners[name]; owned {
			return inputError("", "--field %s: use %s instead", name, flag)
		}
		if right := guarded(name); right != "" {
			return inputError("", "--field: unknown field %q; did you mean %s?", name, right)
		}
		if textfile.Check(name) != nil {
			return inputError("", "--field %.60q: %v", name, textfile.ErrNotText)
		}
		if given[name] {
			return inputError("", "--field: duplicate name %s", name)
		}
		given[name] = true
		value, err := readJSON(text, source)
		if err == nil {
			err = s.setField(p.Request, name, value)
		}
		if err != nil {
			return inputError(quoteStrings, "--field %s: %v", name, err)
		}
	}
	return nil
}

// setField sets a member of the body without a flag, or with a flag that is not set.
func (s Spec) setField(r *narada.Request, name string, value json.RawMessage) error {
	object := func(into *json.RawMessage) error {
		*into = value
		return checkObject(value)
	}
	whole := func(flag string, given bool, into any) error {
		if given {
			return fmt.Errorf("cannot be used together with %s", flag)
		}
		return decode(value, into)
	}
	switch name {
	case "criticContext":
		return object(&r.CriticContext)
	case "executionTraceContext":
		return object(&r.ExecutionTraceContext)
	case "attachment":
		r.Attachment = nil
		err := whole("--attach", len(s.Attach) > 0, &r.Attachment)
		if err == nil && r.Attachment.Key == "" {
			err = errors.New("key is missing")
		}
		return err
	case "chatHistory":
		r.ChatHistory = nil
		return whole("--chat-history", s.ChatHistory != "", &r.ChatHistory)
	case "additionalContext":
		r.AdditionalContext = nil
		return whole("--context", len(s.Context) > 0, &r.AdditionalContext)
	case "inputVariables":
		variables := map[string]json.RawMessage{}
		err := whole("--var", len(s.Vars)+len(s.JSONVars)+len(s.FileVars) > 0, &variables)
		r.InputVariables = map[string]any{}
		for name, value := range variables {
			r.InputVariables[name] = value
		}
		return err
	}
	put(&r.Extra, name, value)
	return nil
}

// hide records secrets, and where they come from.
func (p *Plan) hide(secrets ...secret.String) {
	p.Secrets = append(p.Secrets, secrets...)
	for _, s := range secrets {
		if s.Reference() != "" {
			p.references[s.Reveal()] = s
		}
	}
}

func (p *Plan) warn(text string) { p.Warnings = append(p.Warnings, text) }

// NotAwaited adds the warning for a task whose answer is not waited for.
func (p *Plan) NotAwaited() {
	if len(p.Asserts) > 0 {
		p.warn("--task: assert is not checked, as dispatch does not wait for the answer: add --assert to narada status --wait")
	}
}
