package narada

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Status is the state of a task.
type Status string

// The documented statuses. A callback is never pending.
const (
	StatusPending       Status = "pending"
	StatusSuccess       Status = "success"
	StatusError         Status = "error"
	StatusInputRequired Status = "input-required"
)

// Result is the state of a task, from a status call or a callback. Raw has the whole
// object, unknown members included.
type Result struct {
	RequestID       string // Client.Status sets it if the API omits it
	Status          Status
	BrowserWindowID string // "" if null
	Response        *Response
	CreatedAt       time.Time // zero if absent or not a time
	CompletedAt     time.Time // likewise; Final says whether the task has finished
	Usage           *Usage
	HumanInput      *HumanInput // what a person is asked, while Status is input-required

	final     bool
	raw       json.RawMessage
	body      []byte // that the result was read from
	list      []member
	secret    string
	hasSecret bool
}

// Response is the outcome of a task. Result.Structured returns the structured data of
// either form.
type Response struct {
	Text             string
	Output           *Output         // of status calls
	StructuredOutput json.RawMessage // of callbacks
}

// UnmarshalJSON implements json.Unmarshaler. A member of an unexpected type is left at
// its zero value.
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

// Output is the outcome as a status call returns it. Type is "text" or "structured".
type Output struct {
	Type    string          `json:"type"`
	Content json.RawMessage `json:"content"`
}

// Usage is what a task used.
type Usage struct {
	Actions int     // steps in the browser
	Credits float64 // may be fractional
}

// UnmarshalJSON implements json.Unmarshaler. Actions may be written as 2.0.
func (u *Usage) UnmarshalJSON(doc []byte) error {
	list, err := validMembers(doc) // json.Unmarshaler promises that it is
	if err != nil {
		return err
	}
	var actions float64
	for _, m := range list {
		switch m.name {
		case "actions":
			err = cmp.Or(err, decodeNumber(m.value, &actions))
		case "credits":
			err = cmp.Or(err, decodeNumber(m.value, &u.Credits))
		}
	}
	u.Actions = int(actions)
	return err
}

// HumanInput is what the agent asks a person. It can be answered only in the browser
// window, not through the API.
type HumanInput struct {
	InputID string `json:"inputId"`
	Action  struct {
		Name    string `json:"name"` // "prompt_for_user_input" or "user_approval"
		Message string `json:"prompt_message"`
	} `json:"action"`
}

// ParseResult reads the answer of a status call. It is an error if body is not a JSON
// object, if status is missing, or if requestId, status or secret is a duplicate (in any
// case) or not a string of Unicode text. Other members of an unexpected type are ignored.
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

// ParseCallback reads the body of a callback as ParseResult does. requestId and secret
// are required; secret may be null, which is "". A body that is not UTF-8 is an error. The result does not contain the
// secret. The callback is not verified: see package webhook.
func ParseCallback(body []byte) (result *Result, secret string, err error) {
	r, err := ParseResult(body)
	switch {
	case err != nil:
		return nil, "", err
	case !utf8.Valid(body):
		return nil, "", errors.New("not UTF-8 text")
	case r.RequestID == "":
		return nil, "", errors.New("no requestId")
	case !r.hasSecret:
		return nil, "", errors.New("no secret")
	}
	secret, r.secret = r.secret, ""
	return r, secret, nil
}

// WithoutMembers returns the JSON object doc without the named members. Every other
// byte is unchanged.
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

// ReplaceSecret returns a copy of a callback's body with another value of its top-level
// secret, whose name may be in any case; "" is null. Every other byte is unchanged. It
// is an error if body is not a JSON object.
func ReplaceSecret(body []byte, secret string) ([]byte, error) {
	list, err := members(body)
	if err != nil {
		return nil, err
	}
	return replaceSecret(body, list, secret)
}

// BodyWithSecret is ReplaceSecret for the body that the result was read from. The caller
// must not have changed that body.
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
	for _, m := range slices.Backward(list) { // from the end, so that offsets stay valid
		if strings.EqualFold(m.name, "secret") {
			start := m.end - len(m.value)
			body = slices.Concat(body[:start], value, body[m.end:])
		}
	}
	return body, nil
}

// decode is strict with request ID, status and secret. An unexpected type elsewhere must
// not lose an answer.
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
			if usage := (Usage{}); usage.UnmarshalJSON(m.value) == nil {
				r.Usage = &usage
			}
		case "hitlInputMetadata":
			decodeLenient(m.value, &r.HumanInput)
		case "createdAt":
			r.CreatedAt = parseTime(m.value)
		case "completedAt":
			r.CompletedAt = parseTime(m.value)
			r.final = isTime(m.value)
		}
	}
}

// decodeLenient leaves *into unchanged if value is of another type.
func decodeLenient[T any](value json.RawMessage, into *T) {
	var v T
	if json.Unmarshal(value, &v) == nil {
		*into = v
	}
}

// decodeNumber decodes a number; null leaves *into unchanged.
func decodeNumber(value json.RawMessage, into *float64) (err error) {
	if string(value) != "null" {
		*into, err = strconv.ParseFloat(string(value), 64)
	}
	return err
}

// strictText decodes a string; null is "". Bytes that are not UTF-8, and halves of a
// surrogate pair, are an error: encoding/json replaces them all by U+FFFD, and two IDs that
// differ would become one.
func strictText(value json.RawMessage) (string, error) {
	if value[0] == '"' {
		text := unquote(value)
		if strings.ContainsRune(text, utf8.RuneError) {
			return "", errors.New("not Unicode text")
		}
		return text, nil
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

// parseTime parses ISO 8601 with an offset, as the API writes it, or without one (UTC).
// It returns the zero time for anything else.
func parseTime(value json.RawMessage) time.Time {
	text := lenientText(value)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	return time.Time{}
}

// isTime reports whether completedAt is set: to any text, since an unknown notation of the
// time must not lose an answer, or to a number of seconds. false, 0, "", [] and {} are not.
func isTime(value json.RawMessage) bool {
	if value[0] == '"' {
		return unquote(value) != ""
	}
	seconds := 0.0
	decodeLenient(value, &seconds)
	return seconds > 0
}

// Final reports whether the task has finished: completedAt is set. Until then the task is
// still running, whatever its status.
func (r *Result) Final() bool { return r.final }

// Text returns the response text, "" if there is none.
func (r *Result) Text() string {
	if r.Response == nil {
		return ""
	}
	return r.Response.Text
}

// Structured returns the structured data, unchanged: response.structuredOutput
// (callbacks) or response.output.content (status calls); nil if there is none.
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

// Duration returns the time from creation to completion, 0 if either is unknown.
func (r *Result) Duration() time.Duration {
	if r.CreatedAt.IsZero() || r.CompletedAt.IsZero() {
		return 0
	}
	return r.CompletedAt.Sub(r.CreatedAt)
}

// Raw returns the JSON object as received, with two exceptions: the top-level secret is
// removed, and Client.Status inserts requestId at the front if the API omits it.
func (r *Result) Raw() json.RawMessage { return r.raw }

// Normalized returns Raw with the structured data as response.structuredOutput, as a callback
// has it, also if the result is from a status call.
func (r *Result) Normalized() json.RawMessage {
	data := r.Structured()
	if data == nil || present(r.Response.StructuredOutput) {
		return r.raw
	}
	list, _ := members(r.raw) // it was parsed before
	for _, m := range slices.Backward(list) {
		rest, err := WithoutMembers(m.value, "structuredOutput")
		if m.name == "response" && err == nil {
			return slices.Concat(r.raw[:m.end-len(m.value)], []byte(`{"structuredOutput":`), data, []byte(","), rest[1:], r.raw[m.end:])
		}
	}
	return r.raw
}

// withID sets the request ID if the API omitted it.
func (r *Result) withID(id string) {
	if r.RequestID != "" {
		return
	}
	r.RequestID = id
	list, err := members(r.raw)
	if err != nil { // cannot be: it has been parsed
		return
	}
	// It may be null or "".
	rest := cut(r.raw, list, "requestId")
	rest = bytes.TrimLeft(rest[bytes.IndexByte(rest, '{')+1:], " \t\r\n")
	name, _ := json.Marshal(id)
	raw := append([]byte(`{"requestId":`), name...)
	if rest[0] != '}' {
		raw = append(raw, ',')
	}
	r.raw = append(raw, rest...)
}
