package narada

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Request is the body of a dispatch. Only Prompt is required. A field with its zero
// value is omitted, never sent as null.
type Request struct {
	// Prompt starts with the agent's prefix: "/Operator ", "/OperatorMini ",
	// "/coreAgent ", "/CoreAgentMini ", "/name " of an Agent Studio agent, or
	// none for the generalist.
	Prompt                string                       `json:"prompt"`
	TimeZone              string                       `json:"timeZone,omitempty"`        // IANA name
	BrowserWindowID       string                       `json:"browserWindowId,omitempty"` // required in client mode
	CloudBrowserSessionID string                       `json:"cloudBrowserSessionId,omitempty"`
	ExecutionMode         ExecutionMode                `json:"executionMode,omitempty"`
	ClearChat             *bool                        `json:"clearChat,omitempty"`         // nil: true
	SaveScreenshots       *bool                        `json:"saveScreenshots,omitempty"`   // record the run as a GIF
	PreviousRequestID     string                       `json:"previousRequestId,omitempty"` // whose conversation to continue
	ChatHistory           []ChatMessage                `json:"chatHistory,omitempty"`
	AdditionalContext     map[string]string            `json:"additionalContext,omitempty"`
	ResponseFormat        *ResponseFormat              `json:"responseFormat,omitempty"`
	Attachment            *Attachment                  `json:"attachment,omitempty"`
	InputVariables        map[string]any               `json:"inputVariables,omitempty"`
	SecretVariables       map[string]string            `json:"secretVariables,omitempty"`
	MCPServers            []MCPServer                  `json:"mcpServers,omitempty"`
	Credentials           map[string]map[string]string `json:"userResourceCredentials,omitempty"`
	ReasoningMode         ReasoningMode                `json:"reasoningMode,omitempty"` // built-in agents only
	CallbackURL           string                       `json:"callbackUrl,omitempty"`   // public https
	CallbackHeaders       map[string]string            `json:"callbackHeaders,omitempty"`
	CallbackSecret        string                       `json:"callbackSecret,omitempty"`
	CriticContext         json.RawMessage              `json:"criticContext,omitempty"`         // object: what a critic judges
	ExecutionTraceContext json.RawMessage              `json:"executionTraceContext,omitempty"` // object: the trace to continue

	// Extra has further members of the body, sent unchanged. The name of a field that
	// is set above is an error of MarshalJSON.
	Extra map[string]json.RawMessage `json:"-"`
}

// ExecutionMode is where a task runs.
type ExecutionMode string

// The execution modes. The API's default is ModeClient, which requires a browser
// window.
const (
	ModeClient       ExecutionMode = "client"
	ModeCloud        ExecutionMode = "cloud"
	ModeCloudBrowser ExecutionMode = "cloud_browser"
)

// ReasoningMode is how much reasoning a built-in agent does.
type ReasoningMode string

// The reasoning modes.
const (
	ReasoningNone   ReasoningMode = "none"
	ReasoningLow    ReasoningMode = "low"
	ReasoningMedium ReasoningMode = "medium"
	ReasoningHigh   ReasoningMode = "high"
)

// ChatMessage is a message of an earlier conversation. Role is "user" or "assistant".
type ChatMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// ResponseFormat asks for structured output.
type ResponseFormat struct {
	Type       string          `json:"type"` // "jsonSchema"
	JSONSchema json.RawMessage `json:"jsonSchema"`
}

// JSONSchema returns the response format that asks for data that matches the JSON
// Schema. Result.Structured returns that data.
func JSONSchema(schema json.RawMessage) *ResponseFormat {
	return &ResponseFormat{Type: "jsonSchema", JSONSchema: schema}
}

// Attachment is an uploaded file; see Client.Upload.
type Attachment struct {
	Key string `json:"key"`
}

// MCPServer is a Model Context Protocol server that the agent may call. Label,
// Description and SelectedTools are sent as null if they are nil.
type MCPServer struct {
	URL            string            `json:"url"`
	Label          *string           `json:"label"`
	Description    *string           `json:"description"`
	Authentication MCPAuthentication `json:"authentication"`
	SelectedTools  []string          `json:"selectedTools"`
}

// MCPAuthentication is how the cloud authenticates to an MCP server: Type is
// "none", "bearer-token" or "custom-headers".
type MCPAuthentication struct {
	Type          string      `json:"type"`
	BearerToken   string      `json:"bearerToken,omitempty"`
	CustomHeaders []MCPHeader `json:"customHeaders,omitempty"`
}

// MCPHeader is a header of a "custom-headers" authentication.
type MCPHeader struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// MarshalJSON implements json.Marshaler: the fields in the order above, then Extra in
// the order of the names, without escapes for HTML.
func (r *Request) MarshalJSON() ([]byte, error) {
	type plain Request // without this method
	body, err := EncodeJSON((*plain)(r))
	if err != nil || len(r.Extra) == 0 {
		return body, err
	}
	var set map[string]json.RawMessage
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, err
	}
	for name, value := range r.Extra {
		switch {
		case set[name] != nil:
			return nil, fmt.Errorf("request: field %q is set twice", name)
		case !json.Valid(value):
			return nil, fmt.Errorf("request: field %q is not valid JSON", name)
		}
	}
	extra, err := EncodeJSON(r.Extra)
	if err != nil {
		return nil, err
	}
	return slices.Concat(body[:len(body)-1], []byte(","), extra[1:]), nil
}

// EncodeJSON is json.Marshal without escapes for HTML, as the bodies of the API are written.
func EncodeJSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// Validate returns an error if the API would certainly refuse the request: an empty
// prompt.
func (r *Request) Validate() error {
	if r.Prompt == "" {
		return errors.New("request: the prompt is empty")
	}
	return nil
}

// Masked returns a copy of r that is safe to show: every secret value is "***". See
// WithSecrets.
func (r *Request) Masked() *Request {
	return r.WithSecrets(func(_, _ string) string { return "***" })
}

// WithSecrets returns a copy of r with every secret value replaced: those of secret
// variables, credentials, MCP authentication, queries of MCP URLs and of the callback URL,
// callback headers, the callback secret, and members of Extra with a name such as token or password.
// replace gets the value and its place in the body, such as secretVariables.pw or
// mcpServers.0.authentication.bearerToken, always in the same order.
func (r *Request) WithSecrets(replace func(place, value string) string) *Request {
	m := *r
	m.SecretVariables = replaceValues("secretVariables", r.SecretVariables, replace)
	m.CallbackURL = replaceQuery("callbackUrl", r.CallbackURL, replace)
	m.CallbackHeaders = replaceValues("callbackHeaders", r.CallbackHeaders, replace)
	if r.CallbackSecret != "" {
		m.CallbackSecret = replace("callbackSecret", r.CallbackSecret)
	}
	m.Credentials = maps.Clone(r.Credentials)
	for _, service := range slices.Sorted(maps.Keys(m.Credentials)) {
		m.Credentials[service] = replaceValues("userResourceCredentials."+service, m.Credentials[service], replace)
	}
	m.MCPServers = slices.Clone(r.MCPServers)
	for i := range m.MCPServers {
		server := &m.MCPServers[i]
		server.URL = replaceQuery(fmt.Sprintf("mcpServers.%d.url", i), server.URL, replace)
		place, auth := fmt.Sprintf("mcpServers.%d.authentication", i), &server.Authentication
		if auth.BearerToken != "" {
			auth.BearerToken = replace(place+".bearerToken", auth.BearerToken)
		}
		auth.CustomHeaders = slices.Clone(auth.CustomHeaders)
		for j := range auth.CustomHeaders {
			header := &auth.CustomHeaders[j]
			header.Value = replace(place+".customHeaders."+header.Key, header.Value)
		}
	}
	m.Extra = maps.Clone(r.Extra)
	for _, name := range slices.Sorted(maps.Keys(m.Extra)) {
		m.Extra[name] = replaceExtra(name, m.Extra[name], replace)
	}
	return &m
}

// replaceQuery replaces the query of a URL, which may contain a key.
func replaceQuery(place, address string, replace func(place, value string) string) string {
	base, query, found := strings.Cut(address, "?")
	if !found {
		return address
	}
	return base + "?" + replace(place+".query", query)
}

// secretWords occur in the names of members of Extra that contain secrets.
var secretWords = []string{"secret", "credential", "mcpserver", "callbackheader", "token", "password", "apikey", "api_key", "authorization"}

// replaceExtra replaces all strings in a member with a secret word in its name, in any
// case: a server may ignore case too.
func replaceExtra(name string, value json.RawMessage, replace func(place, value string) string) json.RawMessage {
	lower := strings.ToLower(name)
	if !slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(lower, word) }) {
		return value
	}
	var v any
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.UseNumber()
	if dec.Decode(&v) != nil { // MarshalJSON refuses it
		return value
	}
	text, err := EncodeJSON(replaceTexts(name, v, replace))
	if err != nil { // cannot be: it has been decoded
		return nil
	}
	return text
}

// replaceTexts replaces each string in a JSON value.
func replaceTexts(place string, value any, replace func(place, value string) string) any {
	switch v := value.(type) {
	case string:
		return replace(place, v)
	case []any:
		for i := range v {
			v[i] = replaceTexts(fmt.Sprintf("%s.%d", place, i), v[i], replace)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			v[name] = replaceTexts(place+"."+name, v[name], replace)
		}
	}
	return value
}

func replaceValues(place string, values map[string]string, replace func(place, value string) string) map[string]string {
	m := maps.Clone(values)
	for _, name := range slices.Sorted(maps.Keys(m)) {
		m[name] = replace(place+"."+name, m[name])
	}
	return m
}
