package narada

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// APIError is an answer of the API that is not a success.
type APIError struct {
	Method, Path string
	StatusCode   int
	Detail       string        // FastAPI's detail in one line, "" when there is none
	RetryAfter   time.Duration // 0 when the header is not there
	hasRetry     bool
}

// Error gives method, path, status and detail in one line.
func (e *APIError) Error() string {
	text := fmt.Sprintf("%s %s: %d %s", e.Method, e.Path, e.StatusCode, http.StatusText(e.StatusCode))
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// Unauthorized reports whether the cloud refused the API key (401, 403).
func (e *APIError) Unauthorized() bool {
	return e.StatusCode == http.StatusUnauthorized || e.StatusCode == http.StatusForbidden
}

// Temporary reports whether the same call may succeed later: 408, 429 and 5xx.
func (e *APIError) Temporary() bool { return temporaryStatus(e.StatusCode) }

func temporaryStatus(code int) bool {
	return code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code >= 500
}

// AnswerError is an answer that cannot be what the API sends: another content
// than the documented JSON, a redirect, or a body over the limit.
type AnswerError struct {
	Method, Path string
	StatusCode   int
	Reason       string
}

func (e *AnswerError) Error() string {
	return fmt.Sprintf("%s %s: %d, but %s", e.Method, e.Path, e.StatusCode, e.Reason)
}

// DispatchError is a dispatch that gave no request ID.
type DispatchError struct {
	// Maybe is true when the task may have been accepted all the same: the
	// request went out, and what came back does not exclude it. There is no
	// idempotency key, so sending again then may run the task twice.
	Maybe bool
	Err   error
}

func (e *DispatchError) Error() string { return "dispatch: " + e.Err.Error() }

// Unwrap returns the cause: an *APIError, an *AnswerError or a network error.
func (e *DispatchError) Unwrap() error { return e.Err }

// Retryable reports whether the dispatch may be sent again without the danger
// of running the task twice, and whether that may help: it surely was not
// accepted, and the cause may pass.
func (e *DispatchError) Retryable() bool { return retryable(e.Maybe, e.Err) }

// SessionError is a call to start a session that gave no session ID.
type SessionError struct {
	// Maybe is true when a session may have been started all the same. It then
	// runs until its own timeout.
	Maybe bool
	Err   error
}

func (e *SessionError) Error() string { return "start a session: " + e.Err.Error() }

// Unwrap returns the cause: an *APIError, an *AnswerError or a network error.
func (e *SessionError) Unwrap() error { return e.Err }

// Retryable reports whether the call may be made again without the danger of
// starting two sessions, and whether that may help.
func (e *SessionError) Retryable() bool { return retryable(e.Maybe, e.Err) }

// retryable reports whether a call that has an effect may be made again.
func retryable(maybe bool, err error) bool {
	if maybe {
		return false
	}
	if api, ok := errors.AsType[*APIError](err); ok {
		return api.Temporary()
	}
	if _, ok := errors.AsType[*AnswerError](err); ok {
		return false
	}
	return true
}

// detail makes one line of an error body: {"detail": string | object | list},
// a list being FastAPI's validation errors, each with a location and a message.
func detail(body []byte) string {
	var answer struct {
		Detail json.RawMessage `json:"detail"`
	}
	if json.Unmarshal(body, &answer) != nil || !present(answer.Detail) {
		return ""
	}
	var text string
	if json.Unmarshal(answer.Detail, &text) == nil {
		return oneLine(text)
	}
	var invalid []struct {
		Location []any  `json:"loc"`
		Message  string `json:"msg"`
	}
	if json.Unmarshal(answer.Detail, &invalid) == nil && len(invalid) > 0 && invalid[0].Message != "" {
		lines := make([]string, len(invalid))
		for i, v := range invalid {
			lines[i] = location(v.Location) + v.Message
		}
		return oneLine(strings.Join(lines, "; "))
	}
	var compact bytes.Buffer
	if json.Compact(&compact, answer.Detail) != nil {
		return ""
	}
	return oneLine(compact.String())
}

// location words ["body", "chatHistory", 0, "role"] as "chatHistory.0.role: ".
func location(path []any) string {
	if len(path) > 0 && path[0] == "body" {
		path = path[1:]
	}
	if len(path) == 0 {
		return ""
	}
	words := make([]string, len(path))
	for i, step := range path {
		words[i] = fmt.Sprint(step)
	}
	return strings.Join(words, ".") + ": "
}

// maxDetail is how many bytes of a server's explanation are kept.
const maxDetail = 2000

func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxDetail {
		text = strings.ToValidUTF8(text[:maxDetail], "") + " ..."
	}
	return text
}
