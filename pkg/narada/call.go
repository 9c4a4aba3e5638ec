package narada

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
)

// CallError is a Call without an answer.
type CallError struct {
	// Maybe is true if the call may have taken effect nevertheless: it was sent, it is not
	// a GET, and the answer was lost or does not exclude it.
	Maybe bool
	Err   error
}

func (e *CallError) Error() string { return e.Err.Error() }

// Unwrap returns the cause: an *APIError, an *AnswerError or a network error.
func (e *CallError) Unwrap() error { return e.Err }

// Call makes one authenticated call to an endpoint of the API, for which there need not be
// a method here, and returns the answer: JSON, or nil if it is empty. CheckPath checks the
// path. The body may be nil. Every error is a *CallError.
func (c *Client) Call(ctx context.Context, method, path string, body json.RawMessage) (json.RawMessage, error) {
	if err := CheckPath(path); err != nil {
		return nil, &CallError{Err: err}
	}
	var doc any
	if body != nil {
		doc = body
	}
	path, query, _ := strings.Cut(path, "?")
	answer, maybe, err := c.tracked(ctx, endpoint{method, path}, query, doc)
	if err != nil {
		return nil, &CallError{Maybe: maybe && method != http.MethodGet, Err: err}
	}
	return answer, nil
}

// CheckPath returns an error if path cannot be the path of an endpoint: it must begin with
// a slash, and is added to the base URL, which it cannot leave. It may have a query.
func CheckPath(path string) error {
	u, err := url.Parse(path)
	shown, _, _ := strings.Cut(path, "?") // a query may contain a secret
	if err != nil || !strings.HasPrefix(path, "/") || u.Host != "" || u.Fragment != "" || goesUp(u.Path) {
		return fmt.Errorf("%.60q is not a path of the API, such as /sdk/config", shown)
	}
	if strings.ContainsFunc(u.RawQuery, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return fmt.Errorf("the query of %.60q must be percent-encoded", shown)
	}
	return nil
}

// goesUp reports whether a path has a step that a server may follow out of the base URL.
func goesUp(path string) bool {
	return slices.ContainsFunc(strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '\\' }), func(step string) bool {
		name, _, _ := strings.Cut(step, ";") // some servers take what follows for parameters
		return name == "." || name == ".."
	})
}

// tracked is call for an endpoint that must not be called twice. On an error, maybe says
// whether the call may have taken effect.
func (c *Client) tracked(ctx context.Context, e endpoint, query string, body any) (answer []byte, maybe bool, err error) {
	// A request whose headers were not written was never sent; the error alone does
	// not tell that from a lost answer.
	var wrote atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { wrote.Store(true) }})
	answer, err = c.call(ctx, e, query, body)
	return answer, err != nil && maybeAccepted(err, wrote.Load()), err
}
