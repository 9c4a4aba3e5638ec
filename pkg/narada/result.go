package narada

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Status is how a task stands.
type Status string

// The statuses that the API documents. A callback is never pending.
const (
	StatusPending       Status = "pending"
	StatusSuccess       Status = "success"
	StatusError         Status = "error"
	StatusInputRequired Status = "input-required"
)

// Result is what the cloud says of a task, in the answer to a status call or in
// the body of a callback. Fields that this package does not know are kept in
// Raw.
type Result struct {
	RequestID       string // a status call's answer may leave it out; Client fills it in
	Status          Status
	BrowserWindowID string // "" where the cloud says null
	Response        *Response
	CreatedAt       time.Time // zero when absent or not understood
	CompletedAt     time.Time
	Usage           *Usage
	HumanInput      *HumanInput // the person being asked, while Status is input-required

	final     bool
	raw       json.RawMessage
	body      []byte // that the result was read from
	list      []member
	secret    string
	hasSecret bool
}

// Response is a task's outcome.
type Response struct {
	Text             string
	Output           *Output
	StructuredOutput json.RawMessage
}

// UnmarshalJSON reads each member by itself, so that one of an unexpected type
// does not take the others with it.
func (r *Response) UnmarshalJSON(doc []byte) error {
	list, err := validMembers(doc) // json.Unmarshaler promises that it is
	if err != nil {
		return err
	}
	for _, m := range list {
		switch m.name {
		case "text":
			r.Text = lenientText(m.value)
		case "output":
			decodeLenient(m.value, &r.Output)
		case "structuredOutput":
			r.StructuredOutput = m.value
		}
	}
	return nil
}

// Output is the outcome as the status call words it: Type is "text" or
// "structured".
type Output struct {
	Type    string          `json:"type"`
	Content json.RawMessage `json:"content"`
}

// Usage is what a task cost.
type Usage struct {
	Actions int     // steps in the browser
	Credits float64 // can be fractional
}

// UnmarshalJSON understands 2.0 actions too.
func (u *Usage) UnmarshalJSON(doc []byte) error {
	var numbers struct {
		Actions float64 `json:"actions"`
		Credits float64 `json:"credits"`
	}
	if err := json.Unmarshal(doc, &numbers); err != nil {
		return err
	}
	u.Actions, u.Credits = int(numbers.Actions), numbers.Credits
	return nil
}

// HumanInput tells that the agent asks a person in its browser window. There is
// no call that answers it.
type HumanInput struct {
	InputID string `json:"inputId"`
	Action  struct {
		Name    string `json:"name"` // "prompt_for_user_input" or "user_approval"
		Message string `json:"prompt_message"`
	} `json:"action"`
}

// ParseResult reads the answer to a status call. The top-level members
// requestId, status and secret may each stand there once only, in any case.
func ParseResult(body []byte) (*Result, error) {
	list, err := members(body)
	if err != nil {
		return nil, err
	}
	r := &Result{body: body, list: list}
	if err := r.decode(list); err != nil {
		return nil, err
	}
	if r.Status == "" {
		return nil, errors.New("no status")
	}
	r.raw = cut(body, list, "secret")
	return r, nil
}

// ParseCallback reads the body of a callback, which must also have a request ID
// and a secret; the secret may be null. It returns the secret apart, and keeps
// it out of the result.
func ParseCallback(body []byte) (result *Result, secret string, err error) {
	r, err := ParseResult(body)
	switch {
	case err != nil:
		return nil, "", err
	case r.RequestID == "":
		return nil, "", errors.New("no requestId")
	case !r.hasSecret:
		return nil, "", errors.New("no secret")
	}
	secret, r.secret = r.secret, ""
	return r, secret, nil
}

// WithoutMembers returns the JSON object doc without the members of those names, and
// with every other byte as it was.
func WithoutMembers(doc json.RawMessage, names ...string) (json.RawMessage, error) {
	list, err := members(doc)
	if err != nil {
		return nil, err
	}
	for i, m := range list {
		if slices.Contains(names, m.name) {
			return WithoutMembers(cutAt(doc, list, i), names...)
		}
	}
	return doc, nil
}

// ReplaceSecret returns a callback's body with secret as the value of its
// top-level member of that name, in any case of letters, and every other byte as
// it was; "" is null. A body without such a member is returned as it is. The error says that
// body is not a JSON object.
func ReplaceSecret(body []byte, secret string) ([]byte, error) {
	list, err := members(body)
	if err != nil {
		return nil, err
	}
	return replaceSecret(body, list, secret)
}

// BodyWithSecret is ReplaceSecret for the body that the result was read from,
// which must not have been changed meanwhile.
func (r *Result) BodyWithSecret(secret string) ([]byte, error) {
	return replaceSecret(r.body, r.list, secret)
}

func replaceSecret(body []byte, list []member, secret string) ([]byte, error) {
	value := []byte("null")
	if secret != "" {
		var err error
		if value, err = json.Marshal(secret); err != nil {
			return nil, err
		}
	}
	for _, m := range slices.Backward(list) { // from the end, so that places stay right
		if strings.EqualFold(m.name, "secret") {
			start := m.end - len(m.value)
			body = slices.Concat(body[:start], value, body[m.end:])
		}
	}
	return body, nil
}

// decode reads strictly the members that decide something (request ID, status,
// secret) and the rest as far as it is understood: an unexpected type there is no
// reason to lose an answer, and Raw has it all.
func (r *Result) decode(list []member) error {
	var status string
	for _, field := range []struct {
		name string
		into *string
	}{{"requestId", &r.RequestID}, {"status", &status}, {"secret", &r.secret}} {
		value, err := single(list, field.name)
		if err != nil {
			return err
		}
		if value == nil {
			continue
		}
		if *field.into, err = strictText(value); err != nil {
			return fmt.Errorf("%s: %w", field.name, err)
		}
		r.hasSecret = r.hasSecret || field.name == "secret"
	}
	r.Status = Status(status)
	r.decodeRest(list)
	return nil
}

// decodeRest takes the members that nothing is decided on.
func (r *Result) decodeRest(list []member) {
	for _, m := range list {
		switch m.name {
		case "browserWindowId":
			r.BrowserWindowID = lenientText(m.value)
		case "response":
			if response := (Response{}); m.value[0] == '{' && response.UnmarshalJSON(m.value) == nil {
				r.Response = &response
			}
		case "usage":
			decodeLenient(m.value, &r.Usage)
		case "hitlInputMetadata":
			decodeLenient(m.value, &r.HumanInput)
		case "createdAt":
			r.CreatedAt = parseTime(m.value)
		case "completedAt":
			r.CompletedAt = parseTime(m.value)
			r.final = present(m.value) && !bytes.Equal(m.value, []byte(`""`))
		}
	}
}

// decodeLenient leaves *into at its zero value when value is of another type.
func decodeLenient[T any](value json.RawMessage, into *T) {
	var v T
	if json.Unmarshal(value, &v) == nil {
		*into = v
	}
}

// strictText decodes a string; null is "".
func strictText(value json.RawMessage) (string, error) {
	if value[0] == '"' {
		return unquote(value), nil
	}
	var text *string
	err := json.Unmarshal(value, &text)
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return "", fmt.Errorf("unexpected %s", e.Value)
	}
	return "", err
}

// lenientText decodes a string; a value of another type is "".
func lenientText(value json.RawMessage) string {
	if value[0] != '"' {
		return ""
	}
	return unquote(value)
}

// parseTime understands ISO 8601 with an offset, as the API writes it, and
// without one, which is taken as UTC. What it does not understand is no time:
// a date is worth showing, not worth losing an answer for.
func parseTime(value json.RawMessage) time.Time {
	text := lenientText(value)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	return time.Time{}
}

// Final reports whether the task has finished: the cloud has set completedAt.
// Until then any status, input-required too, is of a task that goes on.
func (r *Result) Final() bool { return r.final }

// Text returns the response text, "" when there is none.
func (r *Result) Text() string {
	if r.Response == nil {
		return ""
	}
	return r.Response.Text
}

// Structured returns the structured data in either of its forms,
// response.structuredOutput (callbacks) or response.output.content (status
// calls), as the cloud wrote it; nil when there is none.
func (r *Result) Structured() json.RawMessage {
	switch {
	case r.Response == nil:
		return nil
	case present(r.Response.StructuredOutput):
		return r.Response.StructuredOutput
	case r.Response.Output != nil && r.Response.Output.Type == "structured" && present(r.Response.Output.Content):
		return r.Response.Output.Content
	}
	return nil
}

func present(value json.RawMessage) bool {
	return len(value) > 0 && !bytes.Equal(value, []byte("null"))
}

// Duration is the time from creation to completion, 0 when either is unknown.
func (r *Result) Duration() time.Duration {
	if r.CreatedAt.IsZero() || r.CompletedAt.IsZero() {
		return 0
	}
	return r.CompletedAt.Sub(r.CreatedAt)
}

// Raw returns the JSON object as the cloud sent it, unknown members and the
// spelling of numbers kept, but for two things: the top-level secret is taken
// out, and requestId is put in front where the cloud left it out.
func (r *Result) Raw() json.RawMessage { return r.raw }

// withID fills in the request ID that the caller asked by.
func (r *Result) withID(id string) {
	if r.RequestID != "" {
		return
	}
	r.RequestID = id
	list, err := members(r.raw)
	if err != nil { // cannot be: it has been parsed
		return
	}
	// requestId may stand there as null or "".
	rest := cut(r.raw, list, "requestId")
	rest = bytes.TrimLeft(rest[bytes.IndexByte(rest, '{')+1:], " \t\r\n")
	name, _ := json.Marshal(id)
	raw := append([]byte(`{"requestId":`), name...)
	if rest[0] != '}' {
		raw = append(raw, ',')
	}
	r.raw = append(raw, rest...)
}
