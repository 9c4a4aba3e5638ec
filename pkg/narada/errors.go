package narada

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// APIError is an answer of the API with a status of 400 or more.
type APIError struct {
	Method, Path string
	StatusCode   int
	Detail       string        // the body's "detail" (FastAPI) on one line; "" if there is none
	RetryAfter   time.Duration // from the header, at most 24 hours; 0 if there is none
	hasRetry     bool
}

// Error returns method, path, status and detail on one line.
func (e *APIError) Error() string {
	text := fmt.Sprintf("%s %s: %d %s", e.Method, e.Path, e.StatusCode, http.StatusText(e.StatusCode))
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// Unauthorized reports whether the API refused the API key (401, 403).
func (e *APIError) Unauthorized() bool {
	return e.StatusCode == http.StatusUnauthorized || e.StatusCode == http.StatusForbidden
}

// Temporary reports whether the same call may succeed later: 408, 429 and 5xx.
func (e *APIError) Temporary() bool { return temporaryStatus(e.StatusCode) }

func temporaryStatus(code int) bool {
	return code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code >= 500
}

// AnswerError is an answer that the API does not document: not the expected JSON,
// a redirect, or an answer about another task.
type AnswerError struct {
	Method, Path string
	StatusCode   int
	Reason       string
	OtherTask    string // request ID of the other task, which may be any text; "" if the answer is about none
}

func (e *AnswerError) Error() string {
	return fmt.Sprintf("%s %s: %d, but %s", e.Method, e.Path, e.StatusCode, e.Reason)
}

// TooLargeError is an answer that is larger than the client reads; see WithMaxAnswer. The
// same call would fail again.
type TooLargeError struct {
	Method, Path string
	Limit        int64 // bytes
}

func (e *TooLargeError) Error() string {
	limit := fmt.Sprintf("%d bytes", e.Limit)
	if e.Limit%(1<<20) == 0 {
		limit = fmt.Sprintf("%d MiB", e.Limit>>20)
	}
	return fmt.Sprintf("%s %s: the answer is larger than %s", e.Method, e.Path, limit)
}

// DispatchError is a dispatch that returned no request ID.
type DispatchError struct {
	// Maybe is true if the task may have been accepted nevertheless: the request was
	// sent, and the answer was lost or does not exclude it. There is no idempotency
	// key, so a retry may run the task twice.
	Maybe bool
	Err   error
}

func (e *DispatchError) Error() string { return "dispatch: " + e.Err.Error() }

// Unwrap returns the cause: an *APIError, an *AnswerError or a network error.
func (e *DispatchError) Unwrap() error { return e.Err }

// Retryable reports whether a retry is safe and may help: the task was certainly not
// accepted, and the cause is temporary.
func (e *DispatchError) Retryable() bool { return retryable(e.Maybe, e.Err) }

// SessionError is a StartSession that returned no session ID.
type SessionError struct {
	// Maybe is true if a session may have been started nevertheless. It then runs
	// until its timeout.
	Maybe bool
	Err   error
}

func (e *SessionError) Error() string { return "start a session: " + e.Err.Error() }

// Unwrap returns the cause: an *APIError, an *AnswerError or a network error.
func (e *SessionError) Unwrap() error { return e.Err }

// Retryable reports whether a retry is safe and may help: no session was started, and
// the cause is temporary.
func (e *SessionError) Retryable() bool { return retryable(e.Maybe, e.Err) }

func retryable(maybe bool, err error) bool {
	if maybe {
		return false
	}
	if api, ok := errors.AsType[*APIError](err); ok {
		return api.Temporary()
	}
	_, odd := errors.AsType[*AnswerError](err)
	_, tooLarge := errors.AsType[*TooLargeError](err)
	return !odd && !tooLarge && !misconfigured(err)
}

// misconfigured reports whether a network error needs a person: a certificate that cannot be
// verified, or a server that does not speak TLS.
func misconfigured(err error) bool {
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	return certificate || record || errors.Is(err, http.ErrSchemeMismatch)
}

// detail returns the detail of an error body on one line: {"detail": string | object |
// list}. A list has FastAPI's validation errors, each with a location and a message.
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

// location returns "chatHistory.0.role: " for ["body", "chatHistory", 0, "role"].
func location(path []any) string {
	var words []string
	for i, step := range path {
		if i > 0 || step != "body" {
			words = append(words, fmt.Sprint(step))
		}
	}
	if words == nil {
		return ""
	}
	return strings.Join(words, ".") + ": "
}

// maxDetail is how many bytes of an error's detail are kept.
const maxDetail = 2000

func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxDetail {
		text = strings.ToValidUTF8(text[:maxDetail], "") + " ..."
	}
	return text
}
