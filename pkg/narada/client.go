package narada

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// DefaultBaseURL is the base URL of the Remote Dispatch API.
const DefaultBaseURL = "https://api.narada.ai/fast/v2"

const (
	maxAnswer     = 32 << 20 // bytes, by default
	maxErrorBody  = 64 << 10 // bytes
	maxRetryAfter = 24 * time.Hour
)

// Client calls the API. It is safe for concurrent use.
type Client struct {
	base      *url.URL
	key       string
	http      *http.Client
	storage   *http.Client // for presigned URLs: without the API key
	userAgent string
	maxAnswer int64
	mask      func(statusCode int, body []byte) []byte
	presign   func(address string)
}

// Option configures a Client.
type Option func(*Client) error

// WithBaseURL sets the base URL of the API: https, or http on a loopback address.
// The default is DefaultBaseURL.
func WithBaseURL(address string) Option {
	return func(c *Client) error {
		u, err := ParseBaseURL(address)
		c.base = u
		return err
	}
}

// WithTransport sets the HTTP transport. The default is NewTransport().
func WithTransport(t http.RoundTripper) Option {
	return func(c *Client) error { c.http.Transport = t; return nil }
}

// WithUserAgent sets the User-Agent header. The default is "narada-go".
func WithUserAgent(name string) Option {
	return func(c *Client) error { c.userAgent = name; return nil }
}

// WithMaxAnswer sets the maximum size of an answer in bytes. The default is 32 MiB. A larger
// one is a *TooLargeError.
func WithMaxAnswer(size int64) Option {
	return func(c *Client) error {
		if size < 1 {
			return errors.New("the maximum size of an answer must be at least 1 byte")
		}
		c.maxAnswer = size
		return nil
	}
}

// WithMask sets a function that is applied to the body of each answer, also of the storage
// for files, before it is read: it removes what neither a result nor an error may show, such
// as secrets that a server repeats. An answer that is not an error must stay valid JSON.
func WithMask(mask func(statusCode int, body []byte) []byte) Option {
	return func(c *Client) error {
		if mask != nil {
			c.mask = mask
		}
		return nil
	}
}

// WithPresigned sets a function that is called with each presigned URL before it is used. The
// fields of a form are in its query. Whoever has it can use the storage, so an error must not
// show it, should the storage repeat it.
func WithPresigned(f func(address string)) Option {
	return func(c *Client) error { c.presign = f; return nil }
}

// NewClient returns a client that authenticates with the API key. It makes no request.
// The key must be printable ASCII without spaces.
func NewClient(apiKey string, options ...Option) (*Client, error) {
	c := &Client{
		key:       apiKey,
		userAgent: "narada-go",
		maxAnswer: maxAnswer,
		mask:      func(_ int, body []byte) []byte { return body },
		presign:   func(string) {},
		// The key is sent with every request and must not follow a redirect to
		// another host; the API redirects nowhere.
		http: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
	for _, option := range append([]Option{WithBaseURL(DefaultBaseURL)}, options...) {
		if err := option(c); err != nil {
			return nil, err
		}
	}
	switch {
	case apiKey == "":
		return nil, errors.New("no API key")
	case strings.ContainsFunc(apiKey, func(r rune) bool { return r < '!' || r > '~' }):
		return nil, errors.New("the API key contains a character that is not allowed in a header")
	}
	if c.http.Transport == nil {
		c.http.Transport = NewTransport()
	}
	c.storage = &http.Client{Transport: c.http.Transport, CheckRedirect: c.http.CheckRedirect}
	return c, nil
}

// NewTransport returns the default transport of a Client: http.DefaultTransport, which
// honours the proxy variables of the environment, with up to 128 idle connections.
func NewTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 128, 128
	return t
}

// ParseBaseURL parses a base URL of the API and removes trailing slashes. It must be
// https, or http on a loopback address, since every request carries the API key. User
// name, query and fragment are errors.
func ParseBaseURL(address string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(address, "/"))
	switch {
	case err != nil || u.Host == "":
		return nil, fmt.Errorf("%q is not a URL", address)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("%q: only a scheme, a host and a path are allowed", u.Redacted())
	case u.Scheme == "https":
		return u, nil
	case u.Scheme == "http" && IsLoopback(u.Hostname()):
		return u, nil
	case u.Scheme == "http":
		return nil, fmt.Errorf("%q: plain http would show the API key to the network; only a loopback address may use it", address)
	}
	return nil, fmt.Errorf("%q is not an https URL", address)
}

// IsLoopback reports whether host, without a port, is "localhost" or a loopback
// address. Plain http is allowed only there.
func IsLoopback(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// Dispatch submits a task and returns its request ID. It makes one attempt. Every
// error is a *DispatchError, which says whether the task may have been accepted.
func (c *Client) Dispatch(ctx context.Context, r *Request) (id string, err error) {
	if err := r.Validate(); err != nil {
		return "", &DispatchError{Err: err}
	}
	dispatch := endpoint{http.MethodPost, "/remote-dispatch"}
	_, id, maybe, err := c.create(ctx, dispatch, r, "requestId", CheckRequestID)
	if err != nil {
		return "", &DispatchError{Maybe: maybe, Err: err}
	}
	return id, nil
}

// create is tracked for an endpoint that creates what the ID in the field of its answer
// names. On an error, maybe says whether it may have been created.
func (c *Client) create(ctx context.Context, e endpoint, body any, field string, check func(id string) error) (answer []byte, id string, maybe bool, err error) {
	answer, maybe, err = c.tracked(ctx, e, "", body)
	if err != nil {
		return nil, "", maybe, err
	}
	if id, err = createdID(answer, field, check); err != nil {
		return nil, "", true, e.odd(err.Error())
	}
	return answer, id, false, nil
}

// createdID returns the ID in the field of an answer.
func createdID(answer []byte, field string, check func(id string) error) (string, error) {
	var members map[string]json.RawMessage
	value := json.RawMessage(nil)
	if json.Unmarshal(answer, &members) == nil {
		value = members[field]
	}
	switch {
	case !present(value):
		return "", errors.New("the answer has no " + field)
	case value[0] != '"':
		return "", fmt.Errorf("the answer's %s, %.60s, is not a string", field, value)
	}
	id := unquote(value)
	if err := check(id); err != nil {
		return "", fmt.Errorf("the answer's %s is not valid: %w", field, err)
	}
	return id, nil
}

// maybeAccepted reports whether a call that failed with err may have taken effect;
// wrote says whether its headers were sent. 429 is a refusal, and so is 503 with
// Retry-After. After a gateway's 502 or 504 the outcome is unknown.
func maybeAccepted(err error, wrote bool) bool {
	if odd, ok := errors.AsType[*AnswerError](err); ok {
		return odd.StatusCode < 300 || odd.StatusCode == http.StatusSeeOther
	}
	api, ok := errors.AsType[*APIError](err)
	switch {
	case !ok:
		return wrote
	case api.StatusCode == http.StatusServiceUnavailable:
		return !api.hasRetry
	}
	return api.StatusCode >= 500 || api.StatusCode == http.StatusRequestTimeout
}

// Status asks once for the state of a task. The result is not final while the task is
// running; see Result.Final. Errors are an *APIError, an *AnswerError (also for an answer
// about another task) or a network error.
func (c *Client) Status(ctx context.Context, id string) (*Result, error) {
	if err := CheckRequestID(id); err != nil {
		return nil, err
	}
	e := endpoint{http.MethodGet, "/remote-dispatch/responses/" + url.PathEscape(id)}
	answer, err := c.call(ctx, e, "", nil)
	if err != nil {
		return nil, err
	}
	r, err := ParseResult(answer)
	if err != nil {
		return nil, e.odd("the answer is not a result: " + err.Error())
	}
	if r.RequestID != "" && r.RequestID != id {
		odd := e.odd(fmt.Sprintf("the answer is about another task, %.60q", r.RequestID))
		odd.OtherTask = r.RequestID
		return nil, odd
	}
	r.withID(id)
	return r, nil
}

// CheckRequestID returns an error if id cannot be a request ID: it must be 1 to 256
// visible ASCII characters without / \ ? # and %, since it becomes part of a URL's
// path.
func CheckRequestID(id string) error {
	if id == "." || id == ".." {
		return fmt.Errorf("%q is not a request ID", id)
	}
	return checkID(id, "a request ID", `/\?#%`)
}

// CheckWindowID returns an error if id cannot be the ID of a browser window: it must be 1 to
// 256 visible ASCII characters without quotes and backslashes.
func CheckWindowID(id string) error { return checkID(id, "a browser window ID", "\"'`\\") }

// checkID checks for 1 to 256 visible ASCII characters, none of them in forbidden.
func checkID(id, kind, forbidden string) error {
	odd := func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(forbidden, r) }
	if id == "" || len(id) > 256 || strings.ContainsFunc(id, odd) {
		return fmt.Errorf("%+.60q is not %s", id, kind)
	}
	return nil
}

// MinSDKVersion returns the minimum version of the official package pkg that the API
// supports, "" if it names none.
func (c *Client) MinSDKVersion(ctx context.Context, pkg string) (string, error) {
	e := endpoint{http.MethodGet, "/sdk/config"}
	answer, err := c.call(ctx, e, "", nil)
	if err != nil {
		return "", err
	}
	var config struct {
		Packages map[string]struct {
			Min string `json:"min_required_version"`
		} `json:"packages"`
	}
	if json.Unmarshal(answer, &config) != nil {
		return "", e.odd("the answer is not JSON")
	}
	return config.Packages[pkg].Min, nil
}

// endpoint is a method and a path of the API.
type endpoint struct{ method, path string }

// odd returns the error of a 200 answer of the endpoint that is not as documented.
func (e endpoint) odd(reason string) *AnswerError {
	return &AnswerError{Method: e.method, Path: e.path, StatusCode: http.StatusOK, Reason: reason}
}

// call makes one attempt and returns the body of a 2xx answer, which is valid JSON, in
// UTF-8, or nil if it is empty.
// Other answers are an *APIError or an *AnswerError. The query may be "", the body nil.
func (c *Client) call(ctx context.Context, e endpoint, query string, body any) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, e.method, c.base.String()+e.path, nil)
	if err != nil {
		return nil, err
	}
	req.URL.RawQuery = query
	if body != nil {
		doc, err := EncodeJSON(body)
		if err != nil {
			return nil, err
		}
		// Without GetBody net/http cannot resend the request, as it would after a
		// stale connection.
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(doc)), int64(len(doc))
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.userAgent)
	req.Header.Set("x-api-key", c.key)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return c.read(e, resp)
}

// read reads the answer of the endpoint.
func (c *Client) read(e endpoint, resp *http.Response) ([]byte, error) {
	odd := func(reason string) error {
		return &AnswerError{Method: e.method, Path: e.path, StatusCode: resp.StatusCode, Reason: reason}
	}
	switch {
	case resp.StatusCode >= 400:
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
		refused := &APIError{Method: e.method, Path: e.path, StatusCode: resp.StatusCode, Detail: detail(c.mask(resp.StatusCode, body))}
		refused.RetryAfter, refused.hasRetry = RetryAfter(resp.Header, time.Now())
		return nil, refused
	case resp.StatusCode >= 300:
		to := "elsewhere"
		if u, err := resp.Location(); err == nil {
			to = "to " + u.Scheme + "://" + u.Host
		}
		return nil, odd("it redirects " + to + ", where the API key is not sent")
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, c.maxAnswer+1))
	switch {
	case err != nil:
		return nil, odd("the answer is incomplete: " + err.Error())
	case int64(len(body)) > c.maxAnswer:
		return nil, &TooLargeError{e.method, e.path, c.maxAnswer}
	case len(bytes.TrimSpace(body)) == 0:
		return nil, nil
	case !json.Valid(body):
		return nil, odd("the answer is not JSON")
	}
	return c.mask(resp.StatusCode, bytes.ToValidUTF8(body, []byte("\ufffd"))), nil // as encoding/json reads it
}

// RetryAfter returns how long the Retry-After header, in seconds or as a date, asks to
// wait from now on: 0 to 24 hours. ok is false if there is no valid header. Now is the
// server's Date, if there is one, since the clock of this machine may be wrong.
func RetryAfter(header http.Header, now time.Time) (wait time.Duration, ok bool) {
	value := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && seconds >= 0 {
		return min(time.Duration(min(seconds, 1<<30))*time.Second, maxRetryAfter), true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	return min(max(at.Sub(now), 0), maxRetryAfter), true
}
