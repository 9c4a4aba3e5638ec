package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/narada-cli/narada/pkg/network"
	"github.com/narada-cli/narada/pkg/secret"
)

// dispatch has the fields of a dispatch that the sandbox needs.
type dispatch struct {
	prompt          string
	browserWindowID *string
	sessionID       string          // "": none
	schema          json.RawMessage // nil: no structured output
	callbackURL     string          // "": none
	callbackHeader  http.Header
	callbackSecret  *string
}

// problem is one item of the detail in FastAPI's 422.
type problem struct {
	Type     string `json:"type"`
	Location []any  `json:"loc"`
	Message  string `json:"msg"`
}

// parseDispatch validates a body as the cloud does. Optional members may be null,
// unknown ones are ignored.
func (c *Server) parseDispatch(body []byte) (*dispatch, []problem) {
	at := []any{"body"}
	value, problems := decodeBody(body)
	if len(problems) == 0 {
		problems = dispatchFields(at, value)
	}
	if len(problems) == 0 {
		problems = c.checkUploads(at, value)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return readDispatch(body), nil
}

// decodeBody decodes a body with the errors of FastAPI. Numbers keep their digits.
func decodeBody(body []byte) (value any, problems []problem) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, []problem{missing([]any{"body"})}
	}
	err := json.Unmarshal(body, new(json.RawMessage)) // refuses text after the value
	if err == nil {
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber()
		err = dec.Decode(&value)
	}
	if err != nil {
		offset := int64(0)
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			offset = syntax.Offset
		}
		return nil, []problem{{"json_invalid", []any{"body", offset}, "JSON decode error: " + err.Error()}}
	}
	return value, nil
}

// readDispatch decodes a valid body. Unlike decoding into a struct, it compares names
// exactly.
func readDispatch(body []byte) *dispatch {
	d := &dispatch{}
	fields := make(map[string]json.RawMessage)
	fill(body, &fields)
	fill(fields["prompt"], &d.prompt)
	fill(fields["browserWindowId"], &d.browserWindowID)
	fill(fields["cloudBrowserSessionId"], &d.sessionID)
	fill(fields["callbackUrl"], &d.callbackURL)
	fill(fields["callbackSecret"], &d.callbackSecret)
	headers := make(map[string]string)
	fill(fields["callbackHeaders"], &headers)
	d.callbackHeader = make(http.Header)
	for name, value := range headers {
		d.callbackHeader.Set(name, value)
	}
	format := make(map[string]json.RawMessage)
	fill(fields["responseFormat"], &format)
	d.schema = format["jsonSchema"]
	return d
}

// fill decodes a valid document.
func fill(doc []byte, into any) {
	if len(doc) > 0 {
		_ = json.Unmarshal(doc, into)
	}
}

// checkUploads finds references, in attachment and file variables, to files that were
// never uploaded.
func (c *Server) checkUploads(at []any, value any) (list []problem) {
	switch v := value.(type) {
	case map[string]any:
		if key, ok := v["id"].(string); ok && v["source"] == "remoteDispatchUpload" {
			return c.checkUpload(below(at, "id"), key)
		}
		if key, ok := v["key"].(string); ok && len(at) == 2 && at[1] == "attachment" {
			return c.checkUpload(below(at, "key"), key)
		}
		for _, name := range sortedNames(v) {
			list = append(list, c.checkUploads(below(at, name), v[name])...)
		}
	case []any:
		for i, item := range v {
			list = append(list, c.checkUploads(below(at, i), item)...)
		}
	}
	return list
}

func (c *Server) checkUpload(at []any, key string) []problem {
	if c.unused(key) {
		return []problem{{"value_error", at, "Value error, the file was not uploaded"}}
	}
	return nil
}

// check lists the problems of a value.
type check func(at []any, value any) []problem

// field is a member of an object. One that is not required may be null.
type field struct {
	name     string
	required bool
	check    check
}

// dispatchFields checks a dispatch.
func dispatchFields(at []any, value any) []problem {
	texts := mapOf(isText)
	authentication := object(
		field{"type", true, oneOf("none", "bearer-token", "custom-headers")},
		field{"bearerToken", false, isText},
		field{"customHeaders", false, listOf(object(field{"key", true, isText}, field{"value", true, isText}))},
	)
	return object(
		field{"prompt", true, isPrompt},
		field{"browserWindowId", false, isText},
		field{"cloudBrowserSessionId", false, isText},
		field{"executionMode", false, oneOf("client", "cloud", "cloud_browser")},
		field{"clearChat", false, isBool},
		field{"saveScreenshots", false, isBool},
		field{"generateGif", false, isBool},
		field{"previousRequestId", false, isText},
		field{"chatHistory", false, listOf(object(
			field{"role", true, oneOf("user", "assistant")}, field{"content", true, isText}))},
		field{"additionalContext", false, texts},
		field{"responseFormat", false, object(
			field{"type", true, oneOf("jsonSchema")}, field{"jsonSchema", true, isObject})},
		field{"attachment", false, object(field{"key", true, isText})},
		field{"timeZone", false, isText},
		field{"inputVariables", false, isObject},
		field{"secretVariables", false, texts},
		field{"mcpServers", false, listOf(object(
			field{"url", true, isText}, field{"label", false, isText}, field{"description", false, isText},
			field{"authentication", true, authentication}, field{"selectedTools", false, listOf(isText)}))},
		field{"userResourceCredentials", false, mapOf(texts)},
		field{"reasoningMode", false, oneOf("none", "low", "medium", "high")},
		field{"criticContext", false, isObject},
		field{"executionTraceContext", false, isObject},
		field{"callbackUrl", false, isCallbackURL},
		field{"callbackHeaders", false, isHeaders},
		field{"callbackSecret", false, isText},
	)(at, value)
}

func object(fields ...field) check {
	return func(at []any, value any) []problem {
		if list := isModel(at, value); list != nil {
			return list
		}
		members := value.(map[string]any)
		var list []problem
		for _, f := range fields {
			v, there := members[f.name]
			switch {
			case !there && f.required:
				list = append(list, missing(below(at, f.name)))
			case there && (v != nil || f.required):
				list = append(list, f.check(below(at, f.name), v)...)
			}
		}
		return list
	}
}

func listOf(item check) check {
	return func(at []any, value any) []problem {
		if list := isList(at, value); list != nil {
			return list
		}
		var list []problem
		for i, v := range value.([]any) {
			list = append(list, item(below(at, i), v)...)
		}
		return list
	}
}

func mapOf(item check) check {
	return func(at []any, value any) []problem {
		if list := isObject(at, value); list != nil {
			return list
		}
		var list []problem
		members := value.(map[string]any)
		for _, name := range sortedNames(members) {
			list = append(list, item(below(at, name), members[name])...)
		}
		return list
	}
}

func oneOf(values ...string) check {
	return func(at []any, value any) []problem {
		if text, ok := value.(string); ok && slices.Contains(values, text) {
			return nil
		}
		text := "'" + strings.Join(values, "', '") + "'"
		if i := strings.LastIndex(text, ", "); i >= 0 {
			text = text[:i] + " or " + text[i+2:]
		}
		return []problem{{"literal_error", at, "Input should be " + text}}
	}
}

// The checks of JSON types.
var (
	isText   = ofType[string]("string_type", "string")
	isBool   = ofType[bool]("bool_type", "boolean")
	isList   = ofType[[]any]("list_type", "list")
	isObject = ofType[map[string]any]("dict_type", "dictionary")
	isModel  = ofType[map[string]any]("model_attributes_type", "dictionary or object to extract fields from")
)

func ofType[T any](kind, name string) check {
	return func(at []any, value any) []problem {
		if _, ok := value.(T); !ok {
			return []problem{{kind, at, "Input should be a valid " + name}}
		}
		return nil
	}
}

func isPrompt(at []any, value any) []problem {
	if value == "" {
		return []problem{{"string_too_short", at, "String should have at least 1 character"}}
	}
	return isText(at, value)
}

func isCallbackURL(at []any, value any) []problem {
	text, ok := value.(string)
	if !ok {
		return isText(at, value)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme == "" || (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() == "":
		return []problem{{"url_parsing", at, "Input should be a valid URL"}}
	case u.Scheme == "https", u.Scheme == "http" && network.IsLoopback(u.Hostname()):
		return nil
	}
	return []problem{{"url_scheme", at, "URL scheme should be 'https' ('http' is for loopback addresses, in the sandbox only)"}}
}

// isHeaders also refuses what cannot be sent as a header, because the callback would
// fail later.
func isHeaders(at []any, value any) []problem {
	if list := mapOf(isText)(at, value); len(list) > 0 {
		return list
	}
	members := value.(map[string]any)
	for _, name := range sortedNames(members) {
		if secret.CheckHeader(name, members[name].(string)) != nil {
			return []problem{{"value_error", below(at, name), fmt.Sprintf("Value error, %q cannot be sent as a header", name)}}
		}
	}
	return nil
}

func missing(at []any) problem { return problem{"missing", at, "Field required"} }

func below(at []any, step any) []any { return append(append([]any(nil), at...), step) }
