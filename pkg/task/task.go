// Package task makes a dispatch request of what a person wrote: flags, files
// and references to secrets in, a narada.Request out. All that can be found
// wrong with a task before anything is sent is found here.
//
// The package is private to narada.
package task

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/schema"
	"github.com/narada-cli/narada/pkg/secret"
)

// Spec is a task as it was written. The zero value of a field is a flag that
// was not given.
type Spec struct {
	Prompt       string // read already: see ReadPrompt
	Agent        string
	AgentFlag    bool // Agent was asked for by flag, and not by a setting
	Raw          bool // send the prompt as typed
	Window       string
	Mode         string
	CloudSession string
	Schema       string // path of a JSON Schema, or -
	Previous     string
	KeepChat     bool
	GIF          bool
	Reasoning    string
	TimeZone     string
	Fields       []string // NAME=JSON
	Callback     Callback
}

// Callback is where the cloud is to send the result, as it was written.
type Callback struct {
	URL     string
	Secret  string   // reference
	Headers []string // "Name: value", the value or a reference
}

// Plan is a task that is ready to be sent.
type Plan struct {
	Request  *narada.Request
	Schema   *schema.Schema // what the answer must fit, nil when there is none
	Secrets  []secret.String
	Warnings []string
}

// InputError is something wrong with what was written, and nothing was sent.
type InputError struct {
	Text string
	Next string // what to do, "" when the text says it
}

func (e *InputError) Error() string { return e.Text }

// Hint returns what to do.
func (e *InputError) Hint() string { return e.Next }

func inputError(next, format string, args ...any) error {
	return &InputError{Text: fmt.Sprintf(format, args...), Next: next}
}

// Plan checks the task and resolves its files and secrets. Its errors are about
// the input.
func (s Spec) Plan(source *secret.Source) (*Plan, error) {
	prompt, err := s.prompt()
	if err != nil {
		return nil, err
	}
	p := &Plan{Request: &narada.Request{
		Prompt:                prompt,
		BrowserWindowID:       s.Window,
		CloudBrowserSessionID: s.CloudSession,
		PreviousRequestID:     s.Previous,
	}}
	if s.KeepChat {
		p.Request.ClearChat = new(false)
	}
	if s.GIF {
		p.Request.SaveScreenshots = new(true)
	}
	steps := []func(*Plan, *secret.Source) error{
		s.modes, s.timeZone, s.schema, s.callback, s.fields,
	}
	for _, step := range steps {
		if err := step(p, source); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (s Spec) modes(p *Plan, _ *secret.Source) error {
	r := p.Request
	switch r.ExecutionMode = narada.ExecutionMode(s.Mode); r.ExecutionMode {
	case "", narada.ModeClient, narada.ModeCloud, narada.ModeCloudBrowser:
	default:
		return inputError("", "--mode: %q is not client, cloud or cloud_browser", s.Mode)
	}
	switch r.ReasoningMode = narada.ReasoningMode(s.Reasoning); r.ReasoningMode {
	case "", narada.ReasoningNone, narada.ReasoningLow, narada.ReasoningMedium, narada.ReasoningHigh:
	default:
		return inputError("", "--reasoning: %q is not none, low, medium or high", s.Reasoning)
	}
	if s.Reasoning != "" && !s.Raw && !isBuiltIn(s.Agent) && knownPrefix(s.Prompt) == "" {
		return inputError("leave one of the two out", "--reasoning works with the built-in agents only, and %q is not one", s.Agent)
	}
	if s.Previous != "" {
		if err := narada.CheckRequestID(s.Previous); err != nil {
			return inputError("", "--previous: %v", err)
		}
	}
	inClient := r.ExecutionMode == "" && s.CloudSession == "" || r.ExecutionMode == narada.ModeClient
	if inClient && s.Window == "" {
		p.warn(`no browser window: in client mode the cloud needs one (--window, or narada config set browser-window-id ID); ` +
			`"Authentication" at https://docs.narada.ai says where the ID is shown`)
	}
	return nil
}

func (s Spec) timeZone(p *Plan, _ *secret.Source) error {
	if s.TimeZone == "" {
		return nil
	}
	if err := CheckZone(s.TimeZone); err != nil {
		return inputError("name it as in Europe/Berlin or America/Los_Angeles", "--time-zone: %v", err)
	}
	p.Request.TimeZone = s.TimeZone
	return nil
}

func (s Spec) schema(p *Plan, source *secret.Source) error {
	if s.Schema == "" {
		return nil
	}
	doc, compiled, err := LoadSchema(s.Schema, source)
	if err != nil {
		return err
	}
	p.Request.ResponseFormat, p.Schema = narada.JSONSchema(doc), compiled
	return nil
}

// fieldOwners names the flag that sets a member of the body which --field must
// not set too, or must not set at all.
var fieldOwners = map[string]string{
	"prompt": "PROMPT", "browserWindowId": "--window", "cloudBrowserSessionId": "--cloud-session",
	"executionMode": "--mode", "clearChat": "--keep-chat", "saveScreenshots": "--gif",
	"previousRequestId": "--previous", "responseFormat": "--schema", "timeZone": "--time-zone",
	"reasoningMode": "--reasoning", "callbackUrl": "--callback-url", "callbackHeaders": "--callback-header",
	"callbackSecret": "--callback-secret",
}

func (s Spec) fields(p *Plan, source *secret.Source) error {
	for _, field := range s.Fields {
		name, text, ok := strings.Cut(field, "=")
		if !ok || name == "" {
			return inputError(`write it as --field 'NAME=JSON'`, "--field %q has no name and value", field)
		}
		if flag, owned := fieldOwners[name]; owned {
			return inputError("", "--field %s: use %s for it", name, flag)
		}
		if _, twice := p.Request.Extra[name]; twice {
			return inputError("", "--field %s is given twice", name)
		}
		value, err := readJSON(text, source)
		if err != nil {
			return inputError(`strings need their quotes: --field 'NAME="text"'`, "--field %s: %v", name, err)
		}
		if p.Request.Extra == nil {
			p.Request.Extra = map[string]json.RawMessage{}
		}
		p.Request.Extra[name] = value
	}
	return nil
}

func (p *Plan) warn(text string) { p.Warnings = append(p.Warnings, text) }
